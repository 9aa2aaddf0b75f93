import type { Lsn, Topic } from '../events/ids.ts';
import { streamBroken } from './failures.ts';
import { readOutboxMessage } from './outbox-message.ts';
import type { Piece } from './piece.ts';
import { type Shard, WHOLE } from './shards.ts';
import type { OutboxRow } from './wal-session.ts';

/** What the decoder finds, in the order of the log. */
export interface PgoutputHandler {
  /** @param committedAt microseconds since 2000-01-01, by the server's clock */
  begin(commitLsn: Lsn, committedAt: number): void;
  insert(row: OutboxRow): void;
  commit(endLsn: Lsn): void;
}

const OUTBOX_TABLE = 'dispatch_outbox';
const REQUIRED = ['id', 'topic', 'message_count', 'messages'] as const;
type Column = (typeof REQUIRED)[number];

const TAG = { begin: 0x42, commit: 0x43, relation: 0x52, insert: 0x49, message: 0x4d } as const;
const KIND = { binary: 0x62, text: 0x74, null: 0x6e, unchanged: 0x75 } as const;

/**
 * Reads logical replication messages of protocol version 1 (PostgreSQL's documentation, "Logical Replication Message
 * Formats"). Only what the outbox needs is looked at: other messages and other tables are passed over, and values stay
 * views of the bytes as received, because at 100,000 rows a second an object a column is most of the cost.
 *
 * Columns are found by name in the latest Relation message, so columns may be added, moved or dropped; a required one
 * that is missing or null ends the stream, for skipping the row would lose its jobs.
 */
export class PgoutputDecoder {
  readonly #handler: PgoutputHandler;
  readonly #shard: Shard;
  /** For each outbox relation: the place of each required column in a tuple. */
  readonly #layouts = new Map<number, Layout>();
  #topicBytes = Buffer.alloc(0);
  #topic = '' as Topic;

  /** @param shard of which messages are taken; rows of other shards are not in the publication */
  constructor(handler: PgoutputHandler, shard: Shard = WHOLE) {
    this.#handler = handler;
    this.#shard = shard;
  }

  /** Reads the message that lies in the piece from `start` up to `end`. A row found there holds the piece. */
  decode(piece: Piece, start: number, end: number): void {
    const { bytes } = piece;
    const at = start + 1;
    const tag = bytes[start];
    if (tag === TAG.insert) {
      this.#insert(piece, at, end);
    } else if (tag === TAG.begin) {
      need(at, 20, end);
      this.#handler.begin(bytes.readBigUInt64BE(at) as Lsn, readMicros(bytes, at + 8));
    } else if (tag === TAG.commit) {
      // flags, start of the commit record, its end, time
      need(at, 25, end);
      this.#handler.commit(bytes.readBigUInt64BE(at + 9) as Lsn);
    } else if (tag === TAG.relation) {
      this.#relation(bytes, at, end);
    } else if (tag === TAG.message) {
      const row = readOutboxMessage(bytes.subarray(at, end), this.#shard);
      if (row) this.#handOn({ ...row, memory: piece });
    }
    // Anything else - Origin, Type, changes that the publication does not even publish - is not of the outbox.
  }

  #handOn(row: OutboxRow & { readonly memory: Piece }): void {
    row.memory.hold();
    this.#handler.insert(row);
  }

  #relation(bytes: Buffer, start: number, end: number): void {
    const reader = new RelationReader(bytes, start, end);
    const relation = reader.int32();
    reader.text();
    const table = reader.text();
    reader.skip(1);
    if (table !== OUTBOX_TABLE) {
      this.#layouts.delete(relation);
      return;
    }
    const places = new Map<string, number>();
    const columns = reader.count();
    for (let place = 0; place < columns; place += 1) {
      reader.skip(1);
      places.set(reader.text(), place);
      reader.skip(8);
    }
    this.#layouts.set(relation, layoutOf(places, columns));
  }

  #insert(piece: Piece, start: number, end: number): void {
    const { bytes } = piece;
    need(start, 7, end);
    const layout = this.#layouts.get(bytes.readInt32BE(start));
    if (!layout) return;
    const columns = bytes.readUInt16BE(start + 5);
    if (columns !== layout.fields.length) {
      throw malformed(`a row has ${columns} of ${layout.fields.length} columns`);
    }
    let at = start + 7;
    for (let place = 0; place < columns; place += 1) at = findValue(bytes, { at, end, place }, layout);
    const row = {
      id: readId(bytes, layout),
      topic: this.#readTopic(bytes, layout),
      messageCount: readCount(bytes, layout),
      messages: readMessages(bytes, layout),
      memory: piece,
    };
    this.#handOn(row);
  }

  /** Neighbouring rows mostly share their topic: comparing bytes is cheaper than decoding them. */
  #readTopic(bytes: Buffer, layout: Layout): Topic {
    const [start, length] = valueAt(layout, 1);
    const known = this.#topicBytes;
    if (length !== known.length || bytes.compare(known, 0, length, start, start + length) !== 0) {
      this.#topicBytes = Buffer.from(bytes.subarray(start, start + length));
      this.#topic = this.#topicBytes.toString('utf8') as Topic;
    }
    return this.#topic;
  }
}

/** Where the required columns are in a tuple, and where those of the row at hand were found. */
interface Layout {
  /** For each place of a tuple: the index into REQUIRED, or -1. */
  readonly fields: Int32Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly kinds: Int32Array;
}

function layoutOf(places: ReadonlyMap<string, number>, columns: number): Layout {
  const fields = new Int32Array(columns).fill(-1);
  for (const [field, name] of REQUIRED.entries()) {
    const place = places.get(name);
    if (place === undefined) throw missing(name, 'is not in the publication');
    fields[place] = field;
  }
  const perField = (): Int32Array => new Int32Array(REQUIRED.length);
  return { fields, starts: perField(), lengths: perField(), kinds: perField() };
}

/** Notes where the value at `place` lies, if it is one we need. @returns where the next one begins */
function findValue(bytes: Buffer, from: { at: number; end: number; place: number }, layout: Layout): number {
  let { at } = from;
  need(at, 1, from.end);
  const kind = bytes[at] ?? 0;
  at += 1;
  let length = 0;
  if (kind === KIND.binary || kind === KIND.text) {
    need(at, 4, from.end);
    length = bytes.readInt32BE(at);
    at += 4;
    need(at, length, from.end);
  } else if (kind !== KIND.null && kind !== KIND.unchanged) {
    throw malformed(`a column has the unknown kind ${kind}`);
  }
  const field = layout.fields[from.place] ?? -1;
  if (field >= 0) {
    layout.kinds[field] = kind;
    layout.starts[field] = at;
    layout.lengths[field] = length;
  }
  return at + length;
}

function readId(bytes: Buffer, layout: Layout): bigint {
  const [start, length] = valueAt(layout, 0);
  if (isText(layout, 0)) return BigInt(digits(bytes, start, start + length));
  if (length !== 8) throw malformed(`an id has ${length} bytes`);
  return bytes.readBigInt64BE(start);
}

function readCount(bytes: Buffer, layout: Layout): number {
  const [start, length] = valueAt(layout, 2);
  if (isText(layout, 2)) return Number(digits(bytes, start, start + length));
  if (length !== 4) throw malformed(`a message count has ${length} bytes`);
  return bytes.readInt32BE(start);
}

function digits(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('latin1', start, end);
  if (!/^-?\d+$/.test(text)) throw malformed('a number is none');
  return text;
}

function readMessages(bytes: Buffer, layout: Layout): Buffer {
  const [start, length] = valueAt(layout, 3);
  // Text form of bytea: \x and two digits a byte.
  if (isText(layout, 3)) return Buffer.from(bytes.toString('latin1', start + 2, start + length), 'hex');
  return bytes.subarray(start, start + length);
}

function valueAt(
  { kinds, starts, lengths }: Layout,
  field: number,
): readonly [start: number, length: number] {
  const kind = kinds[field];
  if (kind !== KIND.binary && kind !== KIND.text) throw missing(REQUIRED[field] ?? 'id', 'has no value');
  return [starts[field] ?? 0, lengths[field] ?? 0];
}

function isText({ kinds }: Layout, field: number): boolean {
  return kinds[field] === KIND.text;
}

/** Positions and times fit a double: 2^53 microseconds are 285 years. */
function readMicros(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
}

class RelationReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  skip(length: number): number {
    need(this.#at, length, this.#end);
    this.#at += length;
    return this.#at - length;
  }

  count(): number {
    return this.#bytes.readUInt16BE(this.skip(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.skip(4));
  }

  text(): string {
    const zero = this.#bytes.indexOf(0, this.#at);
    if (zero < 0 || zero >= this.#end) throw malformed('a name has no end');
    const text = this.#bytes.toString('utf8', this.#at, zero);
    this.#at = zero + 1;
    return text;
  }
}

function need(at: number, length: number, end: number): void {
  if (length < 0 || at + length > end) throw malformed('a message is cut short');
}

function malformed(what: string): Error {
  return streamBroken(
    `The replication stream is not what PostgreSQL documents: ${what}. Check that no proxy stands between the relay and ` +
      'PostgreSQL, and report this with the server version.',
  );
}

function missing(column: Column, what: string): Error {
  return streamBroken(
    `Column ${column} of ${OUTBOX_TABLE} ${what}. Nothing was skipped; the relay stops here. Restore the column and its ` +
      'place in the publication, or upgrade the relay.',
    { detail: { column } },
  );
}
