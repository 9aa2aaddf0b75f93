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
  const reader = new PackReader(pack);
  while (!reader.atEnd) messages.push(reader.message());
  if (messages.length !== expected) {
    throw new PackError(`a pack says it holds ${expected} messages and holds ${messages.length}`);
  }
  return messages;
}

class PackReader {
  readonly #pack: Buffer;
  #at = 0;

  constructor(pack: Buffer) {
    this.#pack = pack;
  }

  get atEnd(): boolean {
    return this.#at === this.#pack.length;
  }

  message(): PackedMessage {
    const jobId = formatUuid(this.#bytes(16));
    const key = this.#bytes(this.#int32());
    const value = this.#bytes(this.#int32());
    const headers: PackedHeader[] = [];
    for (let left = this.#int16(); left > 0; left -= 1) {
      headers.push({ name: this.#bytes(this.#int16()).toString('utf8'), value: this.#bytes(this.#int32()) });
    }
    return { jobId, key, value, headers };
  }

  #bytes(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#pack.length) {
      throw new PackError(`a pack of ${this.#pack.length} bytes asks for ${length} more at byte ${this.#at}`);
    }
    const view = this.#pack.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  #int16(): number {
    return this.#bytes(2).readInt16BE(0);
  }

  #int32(): number {
    return this.#bytes(4).readInt32BE(0);
  }
}

function formatUuid(bytes: Buffer): JobId {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as JobId;
}
