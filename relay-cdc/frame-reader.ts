import { streamBroken } from './failures.ts';

/** Type byte and length of a message from the server. */
const HEADER_BYTES = 5;
/** PostgreSQL's own limit for one message is just under 1 GiB. */
const MAX_FRAME_BYTES = 0x3fffffff;

/** @param bytes holds the body from `start` up to `end`; views of it may be kept */
export type OnFrame = (type: number, bytes: Buffer, body: { start: number; end: number }) => void;

/**
 * Cuts what the socket delivers into the server's messages. Bodies are views of the chunks themselves: pg's own parser
 * moves bytes within a buffer it uses again, so nothing read through it could be kept without a copy. Only a message that
 * crosses chunks is put together, once.
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #body = { start: 0, end: 0 };
  /** The beginning of a message whose rest has not come yet. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** How long that message is as far as known: its header tells, when it has come. */
  #wanted = HEADER_BYTES;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  read(chunk: Buffer): void {
    const rest = this.#partBytes > 0 ? this.#completePart(chunk) : chunk;
    if (rest) this.#frames(rest);
  }

  /** @returns what of the chunk comes after the unfinished message, or undefined when all of it went into that */
  #completePart(chunk: Buffer): Buffer | undefined {
    let from = 0;
    while (this.#partBytes < this.#wanted) {
      const piece = chunk.subarray(from, from + this.#wanted - this.#partBytes);
      if (piece.length === 0) return undefined;
      this.#keep(piece);
      from += piece.length;
    }
    const frame = Buffer.concat(this.#parts, this.#partBytes);
    this.#parts = [];
    this.#partBytes = 0;
    this.#wanted = HEADER_BYTES;
    this.#frames(frame);
    return from < chunk.length ? chunk.subarray(from) : undefined;
  }

  #frames(bytes: Buffer): void {
    const body = this.#body;
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const end = at + frameLength(bytes, at);
      if (end > bytes.length) break;
      body.start = at + HEADER_BYTES;
      body.end = end;
      this.#onFrame(bytes[at] ?? 0, bytes, body);
      at = end;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
  }

  #keep(piece: Buffer): void {
    this.#parts.push(piece);
    this.#partBytes += piece.length;
    if (this.#wanted > HEADER_BYTES || this.#partBytes < HEADER_BYTES) return;
    const header = this.#parts.length === 1 ? piece : Buffer.concat(this.#parts, this.#partBytes);
    this.#wanted = frameLength(header, 0);
  }
}

function frameLength(bytes: Buffer, at: number): number {
  // The length counts itself and not the type byte.
  const length = bytes.readUInt32BE(at + 1);
  if (length < 4 || length > MAX_FRAME_BYTES) {
    throw streamBroken(
      `The connection to PostgreSQL carries a message of ${length} bytes, which PostgreSQL never sends. Check what stands ` +
        'between the relay and PostgreSQL.',
    );
  }
  return length + 1;
}
