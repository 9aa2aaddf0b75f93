/**
 * Arrays as parameters in PostgreSQL's binary format. pg's own text format quotes and escapes each element here, and the
 * server parses it again there. All give null for a column without a value, which `unnest` pads with nulls, so that rarely
 * used columns cost nothing. Half of a statement's CPU on both sides went with the text format: BENCHMARKS.md.
 */
type Values<T> = readonly (T | undefined)[];

interface ElementType<T> {
  readonly oid: number;
  readonly size: (value: T) => number;
  /** Writes at the position; `size` bytes are there for it. */
  readonly write: (to: Target, value: T, at: number) => void;
}

/** The same memory twice. `Buffer` writes a 64-bit number by way of eight others. */
interface Target {
  readonly buffer: Buffer;
  readonly view: DataView;
}

const TEXT: ElementType<string> = {
  oid: 25,
  size: Buffer.byteLength,
  write: ({ buffer }, value, at) => buffer.write(value, at),
};
/** json's binary form is its text; jsonb has another. */
const JSON_TEXT: ElementType<string> = { ...TEXT, oid: 114 };

const BYTEA: ElementType<Buffer> = {
  oid: 17,
  size: (value) => value.length,
  write: ({ buffer }, value, at) => value.copy(buffer, at),
};

const UUID: ElementType<string> = {
  oid: 2950,
  size: () => 16,
  write: ({ buffer }, value, at) => buffer.write(value.replaceAll('-', ''), at, 'hex'),
};

const UUID_BYTES: ElementType<Buffer> = { ...BYTEA, oid: 2950 };

const INT8: ElementType<bigint> = {
  oid: 20,
  size: () => 8,
  write: ({ view }, value, at) => view.setBigInt64(at, value),
};

const INT4: ElementType<number> = {
  oid: 23,
  size: () => 4,
  write: ({ buffer }, value, at) => buffer.writeInt32BE(value, at),
};

/** PostgreSQL counts microseconds from the year 2000. */
const TIMESTAMPTZ: ElementType<Date> = {
  oid: 1184,
  size: () => 8,
  write: ({ view }, value, at) =>
    view.setBigInt64(at, BigInt(value.getTime() - Date.UTC(2000, 0, 1)) * 1000n),
};

export const textArray = (values: Values<string>) => encode(TEXT, values);
export const jsonArray = (values: Values<string>) => encode(JSON_TEXT, values);
export const byteaArray = (values: Values<Buffer>) => encode(BYTEA, values);
export const uuidArray = (values: Values<string>) => encode(UUID, values);
/** Each of 16 bytes. */
export const uuidBytesArray = (values: Values<Buffer>) => encode(UUID_BYTES, values);
export const bigintArray = (values: Values<bigint>) => encode(INT8, values);
export const intArray = (values: Values<number>) => encode(INT4, values);
export const timestamptzArray = (values: Values<Date>) => encode(TIMESTAMPTZ, values);

const HEADER_BYTES = 20;
const UUID_LENGTH = 16;

function encode<T>({ oid, size, write }: ElementType<T>, values: Values<T>): Buffer | null {
  if (values.every((value) => value === undefined)) return null;
  const sizes = values.map((value) => (value === undefined ? -1 : size(value)));
  const total = sizes.reduce((sum, bytes) => sum + 4 + Math.max(0, bytes), HEADER_BYTES);
  const buffer = Buffer.allocUnsafe(total);
  const target = { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, total) };
  writeHeader(buffer, oid, values);
  let at = HEADER_BYTES;
  values.forEach((value, index) => {
    const bytes = sizes[index] ?? -1;
    at = buffer.writeInt32BE(bytes, at);
    if (value === undefined) return;
    write(target, value, at);
    at += bytes;
  });
  return buffer;
}

/** Ids of 16 bytes that begin at `starts`, each in the memory at its place: a view of each would cost more than to copy it. */
export function uuidArrayAt(memories: readonly Buffer[], starts: readonly number[]): Buffer | null {
  if (starts.length === 0) return null;
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + starts.length * (4 + UUID_LENGTH));
  writeHeader(buffer, UUID.oid, starts);
  let at = HEADER_BYTES;
  for (let index = 0; index < starts.length; index += 1) {
    const memory = memories[index];
    const start = starts[index] ?? 0;
    at = buffer.writeInt32BE(UUID_LENGTH, at);
    for (let byte = 0; byte < UUID_LENGTH; byte += 1) buffer[at + byte] = memory?.[start + byte] ?? 0;
    at += UUID_LENGTH;
  }
  return buffer;
}

/** One dimension, from subscript 1. */
function writeHeader(buffer: Buffer, oid: number, values: Values<unknown>): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(values.includes(undefined) ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
}
