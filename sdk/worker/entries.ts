import type { IncomingRecord } from '../../engine/ports/event-streamer.ts';
import { decodeDispatch, type JobDispatch } from '../../events/dispatch.ts';
import type { Undecodable } from './worker-api.ts';

/** A record that is a dispatch. */
export interface Entry {
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly record: IncomingRecord;
  readonly dispatch: JobDispatch;
}

export interface DecodedBatch {
  /** In the order of the offsets, by partition. A job dispatched twice within the batch is in it once. */
  readonly partitions: ReadonlyMap<number, readonly Entry[]>;
  readonly undecodable: readonly Undecodable[];
}

export function decodeBatch(records: readonly IncomingRecord[]): DecodedBatch {
  const partitions = new Map<number, Entry[]>();
  const undecodable: Undecodable[] = [];
  const seen = new Set<string>();
  for (const record of records) {
    const decoded = decode(record);
    if (typeof decoded === 'string') {
      undecodable.push(toUndecodable(record, decoded));
    } else if (!seen.has(decoded.jobId)) {
      seen.add(decoded.jobId);
      const entries = partitions.get(record.partition) ?? [];
      partitions.set(record.partition, entries);
      const { partition, offset, timestamp } = record;
      entries.push({ partition, offset, timestamp, record, dispatch: decoded });
    }
  }
  for (const entries of partitions.values()) entries.sort((a, b) => (a.offset < b.offset ? -1 : 1));
  return { partitions, undecodable };
}

export function toUndecodable(record: IncomingRecord, reason: string): Undecodable {
  const { topic, partition, offset, key, value } = record;
  return { topic, partition, offset, key, value, reason };
}

/** @returns the dispatch, or the reason why the record is none */
function decode(record: IncomingRecord): JobDispatch | string {
  if (record.value === null) return 'the record has no value (a tombstone)';
  try {
    return decodeDispatch(record.value);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
