import type { MSKEvent, MSKRecord } from 'aws-lambda';
import type { BatchOutcome, IncomingRecord } from '../../engine/ports/event-streamer.ts';

/** The identity of a cluster that is not in AWS; only its shape matters to a function. */
const LOCAL_CLUSTER_ARN =
  'arn:aws:kafka:local:000000000000:cluster/millrace-dev/00000000-0000-0000-0000-000000000000-1';

/** The event with which Lambda's event source mapping would invoke a function for these records. */
export function toMskEvent(records: readonly IncomingRecord[], bootstrapServers: string): MSKEvent {
  const byPartition: Record<string, MSKRecord[]> = {};
  for (const record of records) {
    const name = `${record.topic}-${record.partition}`;
    byPartition[name] ??= [];
    byPartition[name].push(toMskRecord(record));
  }
  return {
    eventSource: 'aws:kafka',
    eventSourceArn: LOCAL_CLUSTER_ARN,
    bootstrapServers,
    records: byPartition,
  };
}

function toMskRecord(record: IncomingRecord): MSKRecord {
  const message = {
    topic: record.topic,
    partition: record.partition,
    offset: Number(record.offset),
    timestamp: record.timestamp,
    timestampType: 'CREATE_TIME' as const,
    headers: record.headers.map(({ name, value }) => ({ [name]: [...value] })),
  };
  // AWS sends JSON: what is null there is absent or null here, which the published type does not know.
  const bytes = {
    key: record.key?.toString('base64') ?? null,
    value: record.value?.toString('base64') ?? null,
  };
  return { ...message, ...bytes } as MSKRecord;
}

/** Bytes of a record in the event's JSON, roughly from above. */
export function eventSize(record: IncomingRecord): number {
  const headers = record.headers.reduce(
    (size, { name, value }) => size + name.length + value.length * 4 + 10,
    0,
  );
  return 200 + Math.ceil(((record.key?.length ?? 0) + (record.value?.length ?? 0)) * 1.34) + headers;
}

/**
 * What the function's answer means for the batch, by Lambda's rules: no answer, or an empty list, is success; an identifier
 * that does not name a record of the batch fails the whole of it; otherwise each partition resumes at its lowest one.
 */
export function readResponse(response: unknown, records: readonly IncomingRecord[]): BatchOutcome {
  const failures = failuresOf(response);
  const known = new Set(records.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`));
  const lowest = new Map<number, bigint>();
  for (const failure of failures) {
    const found = identify(failure);
    if (!found || !known.has(`${found.name}@${found.offset}`)) return wholeBatch(records);
    const partition = Number(found.name.slice(found.name.lastIndexOf('-') + 1));
    const before = lowest.get(partition);
    if (before === undefined || found.offset < before) lowest.set(partition, found.offset);
  }
  return { failed: [...lowest].map(([partition, offset]) => ({ partition, offset })) };
}

function failuresOf(response: unknown): readonly unknown[] {
  if (typeof response !== 'object' || response === null || !('batchItemFailures' in response)) return [];
  const failures: unknown = response.batchItemFailures ?? [];
  // What is no list identifies no record, and so fails the whole batch like any other unknown identifier.
  return Array.isArray(failures) ? failures : [failures];
}

function identify(failure: unknown): { name: string; offset: bigint } | undefined {
  if (typeof failure !== 'object' || failure === null || !('itemIdentifier' in failure)) return undefined;
  const identifier = failure.itemIdentifier;
  if (typeof identifier !== 'object' || identifier === null) return undefined;
  if (!('partition' in identifier) || !('offset' in identifier)) return undefined;
  const { partition, offset } = identifier;
  if (typeof partition !== 'string' || typeof offset !== 'number' || !Number.isInteger(offset))
    return undefined;
  return { name: partition, offset: BigInt(offset) };
}

/** All of it comes again. */
export function wholeBatch(records: readonly IncomingRecord[]): BatchOutcome {
  const first = new Map<number, bigint>();
  for (const { partition, offset } of records) {
    const before = first.get(partition);
    if (before === undefined || offset < before) first.set(partition, offset);
  }
  return { failed: [...first].map(([partition, offset]) => ({ partition, offset })) };
}
