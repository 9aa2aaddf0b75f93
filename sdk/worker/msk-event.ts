import { MillraceError } from '../../engine/errors.ts';
import type { IncomingRecord } from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';
import type { PackedHeader } from '../../events/pack.ts';
import { asArray, asFields, asInteger, asText, type Fields, orNull } from './narrow.ts';

const SOURCES = ['aws:kafka', 'SelfManagedKafka'];

/**
 * The records of a Lambda event from MSK or self-managed Kafka, in the order of the offsets within each partition.
 * @throws MillraceError `invalid_request` for anything else; the message names the field
 */
export function readMskEvent(event: unknown): IncomingRecord[] {
  const fields = asFields(event, 'the event');
  const source = fields['eventSource'];
  if (typeof source !== 'string' || !SOURCES.includes(source)) {
    throw new MillraceError(
      'invalid_request',
      `This function reads Kafka events (eventSource ${SOURCES.join(' or ')}), but eventSource is ${JSON.stringify(source)}. Connect it to an MSK or Kafka event source mapping.`,
      { detail: { field: 'eventSource' } },
    );
  }
  const partitions = asFields(fields['records'], 'records');
  return Object.entries(partitions).flatMap(([name, records]) =>
    asArray(records, `records["${name}"]`).map((record, index) => {
      const at = `records["${name}"][${index}]`;
      return toRecord(asFields(record, at), at);
    }),
  );
}

function toRecord(record: Fields, at: string): IncomingRecord {
  return {
    topic: asText(record['topic'], `${at}.topic`) as Topic,
    partition: asInteger(record['partition'], `${at}.partition`),
    offset: BigInt(asInteger(record['offset'], `${at}.offset`)),
    timestamp: asInteger(record['timestamp'], `${at}.timestamp`),
    key: orNull(record['key'], `${at}.key`, asBytes),
    value: orNull(record['value'], `${at}.value`, asBytes),
    headers: (orNull(record['headers'], `${at}.headers`, asArray) ?? []).flatMap((header, index) =>
      toHeaders(header, `${at}.headers[${index}]`),
    ),
  };
}

function asBytes(value: unknown, name: string): Buffer {
  return Buffer.from(asText(value, name), 'base64');
}

/** A header is an object of one member: its name, and its value as an array of bytes (signed in some runtimes). */
function toHeaders(header: unknown, at: string): PackedHeader[] {
  return Object.entries(asFields(header, at)).map(([name, value]) => ({
    name,
    value: Buffer.from(asArray(value, `${at}.${name}`).map((byte) => asInteger(byte, `${at}.${name}`))),
  }));
}
