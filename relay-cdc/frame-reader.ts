import { streamBroken } from './failures.ts';
import { type Piece, Pieces } from './piece.ts';

/** Type byte and length of a message from the server. */
const HEADER_BYTES = 5;
/** PostgreSQL's own limit for one message is just under 1 GiB. */
const MAX_FRAME_BYTES = 0x3fffffff;
/** A read should have at least this much room. */
const MIN_ROOM_BYTES = 16 * 1024;

/** @param piece has the body from `start` up to `end`; who holds it may keep views of it */
export type OnFrame = (type: number, piece: Piece, body: { start: number; end: number }) => void;

/**
 * Cuts what the socket delivers into the server's messages. The socket writes where `room` says, and nothing is written
 * over while somebody holds it: so bodies can be looked at for as long as that takes, unlike those of pg's own parser, which
 * moves bytes within a buffer it uses again. Only the beginning of a message that does not fit is moved, once.
 */
export class FrameReader {
  readonly #onFrame: OnFrame;
  readonly #body = { start: 0, end: 0 };
  readonly #pieces = new Pieces();
  #piece = this.#pieces.take(0);
  /** Where the first message begins that was not handed on. */
  #at = 0;
  #filled = 0;
  /** How long that message is, as far as is known: its header tells, when it has come. */
  #wanted = HEADER_BYTES;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Where the next bytes of the stream are to be written, at its beginning. */
  room(): Buffer {
    const hasRoom = this.#piece.bytes.length - this.#filled >= MIN_ROOM_BYTES;
    if (!hasRoom || this.#at + this.#wanted > this.#piece.bytes.length) this.#moveOn();
    return this.#piece.bytes.subarray(this.#filled);
  }

  /** So many bytes now stand where `room` said: hands on every message that is whole. */
  filled(length: number): void {
    this.#filled += length;
    const body = this.#body;
    const piece = this.#piece;
    const { bytes } = piece;
    this.#wanted = HEADER_BYTES;
    while (this.#at + HEADER_BYTES <= this.#filled) {
      const start = this.#at;
      const frameBytes = frameLength(bytes, start);
      if (start + frameBytes > this.#filled) {
        this.#wanted = frameBytes;
        return;
      }
      this.#at = start + frameBytes;
      body.start = start + HEADER_BYTES;
      body.end = this.#at;
      this.#onFrame(bytes[start] ?? 0, piece, body);
    }
  }

  /** For bytes that stand elsewhere. */
  read(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      const length = chunk.copy(this.room(), 0, from);
      from += length;
      this.filled(length);
    }
  }

  #moveOn(): void {
    const full = this.#piece;
    this.#piece = this.#pieces.take(this.#wanted + MIN_ROOM_BYTES);
    this.#filled = full.bytes.copy(this.#piece.bytes, 0, this.#at, this.#filled);
    this.#at = 0;
    full.release();
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
