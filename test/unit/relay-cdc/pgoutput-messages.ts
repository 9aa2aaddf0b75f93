/** Builds logical replication messages of protocol version 1, as the documentation of PostgreSQL has them. */
export type Value = { readonly kind: 'b' | 't'; readonly bytes: Buffer } | { readonly kind: 'n' | 'u' };

export function begin(commitLsn: bigint, committedAt = 0n): Buffer {
  return Buffer.concat([Buffer.from('B'), int64(commitLsn), int64(committedAt), int32(7)]);
}

export function commit(endLsn: bigint): Buffer {
  return Buffer.concat([Buffer.from('C'), Buffer.from([0]), int64(endLsn - 1n), int64(endLsn), int64(0n)]);
}

export function relation(columns: readonly string[], table = 'dispatch_outbox', oid = 5): Buffer {
  const described = columns.map((name) =>
    Buffer.concat([Buffer.from([0]), text(name), int32(25), int32(-1)]),
  );
  return Buffer.concat([
    Buffer.from('R'),
    int32(oid),
    text('public'),
    text(table),
    Buffer.from('d'),
    int16(columns.length),
    ...described,
  ]);
}

export function insert(values: readonly Value[], oid = 5): Buffer {
  const columns = values.map((value) =>
    'bytes' in value
      ? Buffer.concat([Buffer.from(value.kind), int32(value.bytes.length), value.bytes])
      : Buffer.from(value.kind),
  );
  return Buffer.concat([Buffer.from('I'), int32(oid), Buffer.from('N'), int16(values.length), ...columns]);
}

export function binary(bytes: Buffer): Value {
  return { kind: 'b', bytes };
}

export function textual(value: string): Value {
  return { kind: 't', bytes: Buffer.from(value) };
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}
