/** Part of a buffer. */
export interface Span {
  readonly bytes: Buffer;
  readonly from: number;
  readonly length: number;
}

/** Up to here a loop is faster than the call that copies. */
const SHORT_BYTES = 40;

/** @returns where the copy ends in `target` */
export function copyBytes(target: Buffer, start: number, { bytes, from, length }: Span): number {
  if (length > SHORT_BYTES) {
    bytes.copy(target, start, from, from + length);
  } else {
    for (let place = 0; place < length; place += 1) target[start + place] = bytes[from + place] ?? 0;
  }
  return start + length;
}

/** The length as a varint, and the bytes. */
export function writeSized(target: Buffer, start: number, span: Span): number {
  return copyBytes(target, writeVarint(target, start, span.length), span);
}

export function sizedLength(length: number): number {
  return varintLength(length) + length;
}

/** Bytes of a number that is not negative: zigzag doubles it, then seven bits a byte. */
export function varintLength(value: number): number {
  const zigzag = value * 2;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

/** @returns where it ends in `target` */
export function writeVarint(target: Buffer, start: number, value: number): number {
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
