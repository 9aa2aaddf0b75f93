import type { OutgoingRecord } from '../../engine/ports/event-streamer.ts';

/**
 * Bytes of one request to the broker, at most. A broker's default limit for a batch is 1 MiB a partition, and which
 * partition a key goes to is the client's affair, so the sum over all of them stays below.
 */
const MAX_REQUEST_BYTES = 900_000;
/** What a record costs beyond its key, value and headers, at most. */
const RECORD_OVERHEAD = 40;

/** Some of the published records, by index: from the first up to, and without, the second. */
export type RecordRange = readonly [from: number, to: number];

/** Ranges of records that fit into one request each; a record too large for any is alone. */
export function* requestRanges(records: readonly OutgoingRecord[]): Generator<RecordRange> {
  let from = 0;
  let bytes = 0;
  for (const [index, record] of records.entries()) {
    const size = sizeOf(record);
    if (bytes + size > MAX_REQUEST_BYTES && index > from) {
      yield [from, index];
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < records.length) yield [from, records.length];
}

export function tooLarge(record: OutgoingRecord | undefined): string {
  return `the broker refuses a record of ${record ? sizeOf(record) : 0} bytes: it is larger than the topic's max.message.bytes`;
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let size = RECORD_OVERHEAD + key.length + value.length;
  for (const header of headers) size += header.name.length + header.value.length + 4;
  return size;
}
