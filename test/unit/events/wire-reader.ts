/** A protobuf field as it stands on the wire, read without any schema. */
export type WireField =
  | { readonly number: number; readonly type: 'varint'; readonly value: bigint }
  | { readonly number: number; readonly type: 'bytes'; readonly value: Buffer };

/** The smallest reader that can tell whether another language's worker would find what it looks for. */
export function readWire(message: Buffer): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    if ((tag & 7) === 0) {
      fields.push({ number, type: 'varint', value: varint() });
    } else if ((tag & 7) === 2) {
      const length = Number(varint());
      fields.push({ number, type: 'bytes', value: message.subarray(at, at + length) });
      at += length;
    } else {
      throw new Error(`wire type ${tag & 7} is not used by this schema`);
    }
  }
  return fields;
}
