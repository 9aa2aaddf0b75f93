import { crc32c, Writer } from '@platformatic/kafka';
import type { OutgoingRecord } from '../../engine/ports/event-streamer.ts';

/** The producer's identity, by which the broker knows a repeated batch. */
export interface BatchIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Sequence number of the first record in its partition. */
  readonly baseSequence: number;
}

/** From the base offset to the first record: Kafka's record batch of format 2, without compression. */
const HEADER_BYTES = 61;
/** The checksum covers what comes after it. */
const CHECKED_FROM = 21;

/** Bytes that {@link writeRecordBatch} needs for these records, at most. */
export function recordBatchBound(records: readonly OutgoingRecord[]): number {
  let bound = HEADER_BYTES;
  for (const record of records) bound += recordBound(record);
  return bound;
}

/** Bytes of one record, at most: every length counted as the longest it can be written. */
export function recordBound({ key, value, headers }: OutgoingRecord): number {
  let bound = 1 + 5 * 5 + key.length + value.length;
  for (const header of headers) bound += 10 + header.name.length * 3 + header.value.length;
  return bound;
}

/**
 * Writes the batch into `target` from its start. Keys, values and headers are copied once, from the bytes of the outbox row
 * to the bytes of the request: at 100,000 records a second objects in between cost more than everything else (kafkajs 11 to
 * 16 µs a record, this under 1).
 * @returns the batch, a view of `target`
 */
export function writeRecordBatch(
  target: Buffer,
  records: readonly OutgoingRecord[],
  { identity, timestamp }: { identity: BatchIdentity; timestamp: number },
): Buffer {
  let at = HEADER_BYTES;
  for (const [index, record] of records.entries()) at = writeRecord(target, at, { record, index });
  const batch = target.subarray(0, at);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(at - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(0, 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(timestamp), 27);
  batch.writeBigInt64BE(BigInt(timestamp), 35);
  batch.writeBigInt64BE(identity.producerId, 43);
  batch.writeInt16BE(identity.producerEpoch, 51);
  batch.writeInt32BE(identity.baseSequence, 53);
  batch.writeInt32BE(records.length, 57);
  // A bare Buffer would be copied for the native checksum.
  batch.writeUInt32BE(crc32c(Writer.create().append(batch.subarray(CHECKED_FROM)).dynamicBuffer) >>> 0, 17);
  return batch;
}

/** A record: its length, attributes, time and offset relative to the batch, key, value, headers. @returns where it ends */
function writeRecord(
  target: Buffer,
  start: number,
  { record, index }: { record: OutgoingRecord; index: number },
): number {
  const { key, value, headers } = record;
  let at = writeVarint(target, start, bodyLength(record, index));
  target[at] = 0;
  target[at + 1] = 0;
  at = writeVarint(target, at + 2, index);
  at = writeBytes(target, at, key);
  at = writeBytes(target, at, value);
  at = writeVarint(target, at, headers.length);
  for (const header of headers) {
    at = writeBytes(target, at, nameBytes(header.name));
    at = writeBytes(target, at, header.value);
  }
  return at;
}

function bodyLength({ key, value, headers }: OutgoingRecord, index: number): number {
  let length = 2 + varintLength(index) + sizedLength(key) + sizedLength(value) + varintLength(headers.length);
  for (const header of headers) length += sizedLength(nameBytes(header.name)) + sizedLength(header.value);
  return length;
}

function sizedLength(bytes: Buffer): number {
  return varintLength(bytes.length) + bytes.length;
}

function writeBytes(target: Buffer, start: number, bytes: Buffer): number {
  const at = writeVarint(target, start, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

/** Of a number that is not negative: zigzag doubles it, then seven bits a byte. */
function varintLength(value: number): number {
  const zigzag = value * 2;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

function writeVarint(target: Buffer, start: number, value: number): number {
  let rest = value * 2;
  let at = start;
  while (rest >= 0x80) {
    target[at] = (rest & 0x7f) | 0x80;
    at += 1;
    rest = Math.floor(rest / 0x80);
  }
  target[at] = rest;
  return at + 1;
}

/** The handful of header names comes again with every record. */
const names = new Map<string, Buffer>();
const MAX_NAMES = 1_000;

function nameBytes(name: string): Buffer {
  const known = names.get(name);
  if (known) return known;
  const bytes = Buffer.from(name);
  if (names.size < MAX_NAMES) names.set(name, bytes);
  return bytes;
}
