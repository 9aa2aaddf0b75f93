import type { LoggedMessage, LogMessage } from '../../engine/ports/message-log.ts';

/**
 * A record of Kinesis is several messages of one key, in their order: a request of several records has none that Kinesis keeps.
 * Each message is the length of its head, the length of its payload, the head as JSON, and the payload.
 */
export interface KeyedRecord {
  readonly partitionKey: string;
  /** Of the messages, among all that are appended. */
  readonly indexes: readonly number[];
  readonly data: Buffer;
}

interface Head {
  readonly subject: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly at: number;
}

/** Kinesis takes 1 MiB, with the key. */
const MAX_RECORD_BYTES = 1_040_000;
const MAX_MESSAGES = 1_000;
/** A place is the record's number with the message's in its lowest bits. */
const INDEX_BITS = 16n;

/** In rounds: of one key there is at most one record in each, so that none can overtake another. */
export function planRounds(messages: readonly LogMessage[], at: number): KeyedRecord[][] {
  const byKey = Map.groupBy(messages.keys(), (index) => partitionKeyOf(messages[index]));
  const queues = [...byKey].map(([partitionKey, indexes]) => [
    ...recordsOf(messages, partitionKey, { indexes, at }),
  ]);
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, round) => queues.flatMap((queue) => queue[round] ?? []));
}

/** Those without a key keep the order of their subject. Kinesis wants 1 to 256 characters. */
function partitionKeyOf(message: LogMessage | undefined): string {
  return (message?.key || message?.subject || '-').slice(0, 256);
}

function* recordsOf(
  messages: readonly LogMessage[],
  partitionKey: string,
  { indexes, at }: { readonly indexes: readonly number[]; readonly at: number },
): Generator<KeyedRecord> {
  let parts: Buffer[] = [];
  let held: number[] = [];
  let bytes = 0;
  for (const index of indexes) {
    const message = messages[index];
    if (!message) continue;
    const encoded = encode(message, at);
    if (held.length > 0 && (bytes + encoded.length > MAX_RECORD_BYTES || held.length === MAX_MESSAGES)) {
      yield { partitionKey, indexes: held, data: Buffer.concat(parts) };
      [parts, held, bytes] = [[], [], 0];
    }
    parts.push(encoded);
    held.push(index);
    bytes += encoded.length;
  }
  yield { partitionKey, indexes: held, data: Buffer.concat(parts) };
}

function encode({ subject, key, headers, payload }: LogMessage, at: number): Buffer {
  const head = Buffer.from(JSON.stringify({ subject, key, headers, at } satisfies Head));
  const lengths = Buffer.allocUnsafe(8);
  lengths.writeUInt32BE(head.length, 0);
  lengths.writeUInt32BE(payload.length, 4);
  return Buffer.concat([lengths, head, payload]);
}

export function placeOf(recordNumber: string, index: number): bigint {
  return (BigInt(recordNumber) << INDEX_BITS) | BigInt(index);
}

/** The number of the record that a place is in. */
export function recordNumberOf(place: bigint): string {
  return String(place >> INDEX_BITS);
}

export function decodeRecord(recordNumber: string, bytes: Uint8Array): LoggedMessage[] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: LoggedMessage[] = [];
  for (let from = 0; from + 8 <= data.length; ) {
    const headEnd = from + 8 + data.readUInt32BE(from);
    const end = headEnd + data.readUInt32BE(from + 4);
    const { subject, key, headers, at }: Head = JSON.parse(data.toString('utf8', from + 8, headEnd));
    // A record's number names it in the whole stream, not in its shard alone.
    const place = placeOf(recordNumber, messages.length);
    const payload = data.subarray(headEnd, end);
    messages.push({ place, sequence: place, subject, key, headers, payload, publishedAt: new Date(at) });
    from = end;
  }
  return messages;
}
