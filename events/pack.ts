import type { JobId } from './ids.ts';

/**
 * A pack: the messages of one outbox row, already encoded, in their order. The relay copies these bytes to the broker
 * and never looks into a value. Why rows hold many messages: decoding the write-ahead log costs per row, not per byte
 * (0.11 M messages/s at one a row, 2.0 M at a hundred).
 *
 * All integers are big-endian, so that `int4send` and `int2send` build the same bytes in SQL
 * (migration 0014, function `millrace.pack_message`):
 *
 *     pack    := message*
 *     message := job_id[16]  int4 key_length key  int4 value_length value  int2 header_count header*
 *     header  := int2 name_length name  int4 value_length value
 */
export interface PackedMessage {
  readonly jobId: JobId;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: readonly PackedHeader[];
}

export interface PackedHeader {
  readonly name: string;
  readonly value: Buffer;
}

/** A row holds at most this many messages; the table's constraint says the same. */
export const MAX_PACK_MESSAGES = 1000;
/** A new pack is begun before one grows beyond this, unless a single message is larger. */
export const MAX_PACK_BYTES = 256 * 1024;

/** Thrown for bytes that are not a pack. The relay treats it as a broken row, never as an empty one. */
export class PackError extends Error {
  override readonly name = 'PackError';
  readonly code = 'pack_malformed';
}

/** The size in bytes that {@link encodePack} will need for this message. */
export function packedSize(message: PackedMessage): number {
  let size = 16 + 4 + message.key.length + 4 + message.value.length + 2;
  for (const { name, value } of message.headers) size += 2 + Buffer.byteLength(name) + 4 + value.length;
  return size;
}

export function encodePack(messages: readonly PackedMessage[]): Buffer {
  const pack = Buffer.allocUnsafe(messages.reduce((size, message) => size + packedSize(message), 0));
  let at = 0;
  for (const message of messages) at = writeMessage(pack, at, message);
  return pack;
}

function writeMessage(pack: Buffer, start: number, message: PackedMessage): number {
  let at = start + pack.write(message.jobId.replaceAll('-', ''), start, 16, 'hex');
  at = writeSized(pack, at, message.key);
  at = writeSized(pack, at, message.value);
  at = pack.writeInt16BE(message.headers.length, at);
  for (const { name, value } of message.headers) {
    at = pack.writeInt16BE(Buffer.byteLength(name), at);
    at += pack.write(name, at);
    at = writeSized(pack, at, value);
  }
  return at;
}

function writeSized(pack: Buffer, at: number, bytes: Buffer): number {
  const start = pack.writeInt32BE(bytes.length, at);
  return start + bytes.copy(pack, start);
}

/**
 * The messages of a pack, as views of its memory (nothing is copied).
 * @param expected the row's `message_count`
 * @throws PackError when the bytes are cut short, run over, or hold another number of messages
 */
export function decodePack(pack: Buffer, expected: number): PackedMessage[] {
  const messages: PackedMessage[] = [];
  const cursor = new PackCursor(pack);
  while (cursor.next()) messages.push(messageAt(cursor));
  requireCount(messages.length, expected);
  return messages;
}

/** What {@link decodePack} checks, for whoever copies the bytes on as they are. @throws PackError */
export function checkPack(pack: Buffer, expected: number): void {
  const cursor = new PackCursor(pack);
  let count = 0;
  while (cursor.next()) count += 1;
  requireCount(count, expected);
}

function requireCount(found: number, expected: number): void {
  if (found === expected) return;
  throw new PackError(`a pack says it holds ${expected} messages and holds ${found}`);
}

/**
 * Walks a pack from message to message and says where the parts of each lie, so that bytes can go from an outbox row into a
 * request without an object a message. It stands before the first message until `next` is called.
 */
export class PackCursor {
  #pack: Buffer;
  /** Where the message begins, with the 16 bytes of its job's id. */
  start = 0;
  keyAt = 0;
  keyLength = 0;
  valueAt = 0;
  valueLength = 0;
  headerCount = 0;
  /** Where the first header begins, as `int2 length, name, int4 length, value`. */
  headersAt = 0;
  /** Where the next message begins. */
  end: number;

  constructor(pack: Buffer, at = 0) {
    this.#pack = pack;
    this.end = at;
  }

  get pack(): Buffer {
    return this.#pack;
  }

  /** Stands before the message that begins at `at`. */
  moveTo(pack: Buffer, at: number): void {
    this.#pack = pack;
    this.end = at;
  }

  /** @returns false at the end of the pack. @throws PackError when a message does not end within it */
  next(): boolean {
    const pack = this.#pack;
    const size = pack.length;
    if (this.end === size) return false;
    this.start = this.end;
    this.keyAt = this.start + 20;
    if (this.keyAt > size) this.#cutShort();
    this.keyLength = int32At(pack, this.keyAt - 4);
    this.valueAt = this.keyAt + this.keyLength + 4;
    if (this.keyLength < 0 || this.valueAt > size) this.#cutShort();
    this.valueLength = int32At(pack, this.valueAt - 4);
    this.headersAt = this.valueAt + this.valueLength + 2;
    if (this.valueLength < 0 || this.headersAt > size) this.#cutShort();
    this.headerCount = int16At(pack, this.headersAt - 2);
    if (this.headerCount < 0) this.#cutShort();
    let at = this.headersAt;
    for (let left = this.headerCount; left > 0; left -= 1) {
      if (at + 2 > size) this.#cutShort();
      const valueAt = at + int16At(pack, at) + 6;
      if (valueAt < at + 6 || valueAt > size) this.#cutShort();
      const length = int32At(pack, valueAt - 4);
      if (length < 0 || valueAt + length > size) this.#cutShort();
      at = valueAt + length;
    }
    this.end = at;
    return true;
  }

  #cutShort(): never {
    throw new PackError(
      `a pack of ${this.#pack.length} bytes breaks off in the message at byte ${this.start}`,
    );
  }
}

/** A big-endian signed integer of a place known to be there: the methods of Buffer check it once more, at twice the cost. */
export function int32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}

export function int16At(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) >> 16) | (bytes[at + 1] ?? 0);
}

function messageAt(cursor: PackCursor): PackedMessage {
  const { pack, start, keyAt, keyLength, valueAt, valueLength } = cursor;
  const headers: PackedHeader[] = [];
  let at = cursor.headersAt;
  for (let left = cursor.headerCount; left > 0; left -= 1) {
    const nameEnd = at + 2 + int16At(pack, at);
    const end = nameEnd + 4 + int32At(pack, nameEnd);
    headers.push({ name: pack.toString('utf8', at + 2, nameEnd), value: pack.subarray(nameEnd + 4, end) });
    at = end;
  }
  return {
    jobId: jobIdAt(pack, start),
    key: pack.subarray(keyAt, keyAt + keyLength),
    value: pack.subarray(valueAt, valueAt + valueLength),
    headers,
  };
}

/** The value of the first header of that name in the message where the cursor stands; a view of the pack. */
export function headerIn(cursor: PackCursor, name: string): Buffer | undefined {
  const { pack } = cursor;
  let at = cursor.headersAt;
  for (let left = cursor.headerCount; left > 0; left -= 1) {
    const nameEnd = at + 2 + int16At(pack, at);
    const end = nameEnd + 4 + int32At(pack, nameEnd);
    if (pack.toString('utf8', at + 2, nameEnd) === name) return pack.subarray(nameEnd + 4, end);
    at = end;
  }
  return undefined;
}

/** The job id in the 16 bytes from `at`. */
export function jobIdAt(bytes: Buffer, at: number): JobId {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as JobId;
}
