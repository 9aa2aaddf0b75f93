/** Memory is taken in pieces of this size, larger only for a message that needs it. */
const PIECE_BYTES = 256 * 1024;
/** More than the backlog in memory needs is given back: it was a burst, or one huge message. */
const MAX_SPARE = 32;

/** Memory that is lent to whoever looks at what was read into it. */
export interface Lent {
  /** To be called once by each holder, who does not look at it again. One that never calls costs a new piece, no more. */
  release(): void;
}

/** Memory with several holders: the reader that fills it, and every row that was read into it. */
export class Piece implements Lent {
  readonly bytes: Buffer;
  /** The same memory. Its 64-bit numbers come without the five that `Buffer` makes on the way to one. */
  readonly view: DataView;
  readonly #giveBack: (bytes: Buffer) => void;
  #holders = 1;

  constructor(bytes: Buffer, giveBack: (bytes: Buffer) => void) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#giveBack = giveBack;
  }

  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#giveBack(this.bytes);
  }
}

/**
 * Pieces that go round. Fresh memory for each read would be collected in time, but the collector counts what was taken and
 * ran through the whole heap every ten thousand rows: a fifth of the relay's processor time.
 */
export class Pieces {
  readonly #spare: Buffer[] = [];
  readonly #giveBack = (bytes: Buffer): void => {
    if (bytes.length === PIECE_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(bytes);
  };

  take(leastBytes: number): Piece {
    const spare = leastBytes <= PIECE_BYTES ? this.#spare.pop() : undefined;
    const bytes = spare ?? Buffer.allocUnsafeSlow(Math.max(leastBytes, PIECE_BYTES));
    return new Piece(bytes, this.#giveBack);
  }
}
