import type { fetchV12 } from '@platformatic/kafka';
import type { LoggedMessage } from '../../engine/ports/message-log.ts';

export const SUBJECT_HEADER = Buffer.from('millrace-subject');
const SUBJECT = SUBJECT_HEADER.toString();

const PARTITION_BITS = 16n;

/** Unique in the stream, and rising along each partition; a topic may be given more of those. */
export function sequenceOf(partition: number, offset: bigint): bigint {
  return ((offset + 1n) << PARTITION_BITS) | BigInt(partition);
}

export type Batches = NonNullable<
  fetchV12.FetchResponse['responses'][number]['partitions'][number]['records']
>;

/** What the batches hold from an offset on: they come whole, with what lies before. */
export function readBatches(batches: Batches, partition: number, from: bigint): LoggedMessage[] {
  return batches.flatMap(({ firstOffset, firstTimestamp, records, attributes }) => {
    // Written by transactions of others: marks, not messages.
    if ((attributes & CONTROL) !== 0) return [];
    return records.flatMap((record) => {
      const place = firstOffset + BigInt(record.offsetDelta);
      if (place < from) return [];
      const named = record.headers.map(([name, value]): [string, string] => [
        name?.toString() ?? '',
        value?.toString() ?? '',
      ]);
      return {
        place,
        sequence: sequenceOf(partition, place),
        subject: named.find(([name]) => name === SUBJECT)?.[1] ?? '',
        key: record.key?.toString() ?? '',
        headers: Object.fromEntries(named.filter(([name]) => name !== SUBJECT)),
        payload: Buffer.from(record.value ?? ''),
        publishedAt: new Date(Number(firstTimestamp + record.timestampDelta)),
      };
    });
  });
}

const CONTROL = 0x20;
