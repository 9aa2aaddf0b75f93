/** Up to here a loop is faster than the call that copies. */
const SHORT_BYTES = 48;

/** Writes into memory that is known to be large enough, from a place on. */
export class ByteWriter {
  readonly target: Buffer;
  at: number;

  constructor(target: Buffer, at: number) {
    this.target = target;
    this.at = at;
  }

  byte(value: number): void {
    this.target[this.at] = value;
    this.at += 1;
  }

  /** A number that is not negative, as Kafka writes those of a record: doubled (zigzag), then seven bits a byte. */
  varint(value: number): void {
    let rest = value * 2;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  /** A number that is not negative, in so many decimal digits. */
  decimal(value: number, digits: number): void {
    let rest = value;
    for (let place = this.at + digits - 1; place >= this.at; place -= 1) {
      this.target[place] = 0x30 + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    this.at += digits;
  }

  bytes(source: Buffer, from: number, length: number): void {
    const { target, at } = this;
    if (length > SHORT_BYTES) source.copy(target, at, from, from + length);
    else for (let place = 0; place < length; place += 1) target[at + place] = source[from + place] ?? 0;
    this.at = at + length;
  }

  /** The length as a varint, then the bytes. */
  sized(source: Buffer, from: number, length: number): void {
    this.varint(length);
    this.bytes(source, from, length);
  }
}

/** What {@link ByteWriter.sized} will write. */
export function sizedLength(length: number): number {
  return varintLength(length) + length;
}

export function varintLength(value: number): number {
  const zigzag = value * 2;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}
