import type { Lsn, Topic } from '../events/ids.ts';
import { readOutboxMessage } from './outbox-message.ts';
import { malformed, need, OUTBOX_TABLE, OutboxTuple, TOPIC } from './outbox-tuple.ts';
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

const TAG = { begin: 0x42, commit: 0x43, relation: 0x52, insert: 0x49, message: 0x4d } as const;

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
  /** By the number of each relation that is an outbox. */
  readonly #tuples = new Map<number, OutboxTuple>();
  #topicBytes = Buffer.alloc(0);
  #topic = '' as Topic;

  /** @param shard of which messages are taken; rows of other shards are not in the publication */
  constructor(handler: PgoutputHandler, shard: Shard = WHOLE) {
    this.#handler = handler;
    this.#shard = shard;
  }

  /** Reads the message that lies in the piece from `start` up to `end`. A row found there holds the piece. */
  decode(piece: Piece, start: number, end: number): void {
    const { bytes, view } = piece;
    const at = start + 1;
    const tag = bytes[start];
    if (tag === TAG.insert) {
      this.#insert(piece, at, end);
    } else if (tag === TAG.begin) {
      need(at, 20, end);
      this.#handler.begin(view.getBigUint64(at) as Lsn, readMicros(bytes, at + 8));
    } else if (tag === TAG.commit) {
      // flags, start of the commit record, its end, time
      need(at, 25, end);
      this.#handler.commit(view.getBigUint64(at + 9) as Lsn);
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
      this.#tuples.delete(relation);
      return;
    }
    const places = new Map<string, number>();
    const columns = reader.count();
    for (let place = 0; place < columns; place += 1) {
      reader.skip(1);
      places.set(reader.text(), place);
      reader.skip(8);
    }
    this.#tuples.set(relation, new OutboxTuple(places, columns));
  }

  #insert(piece: Piece, start: number, end: number): void {
    need(start, 7, end);
    const tuple = this.#tuples.get(piece.bytes.readInt32BE(start));
    if (!tuple) return;
    tuple.find(piece, start + 5, end);
    const row = {
      id: tuple.id(),
      topic: this.#topicOf(piece.bytes, tuple),
      messageCount: tuple.messageCount(),
      messages: tuple.messages(),
      memory: piece,
    };
    this.#handOn(row);
  }

  /** Neighbouring rows mostly share their topic: comparing bytes is cheaper than decoding them. */
  #topicOf(bytes: Buffer, tuple: OutboxTuple): Topic {
    const start = tuple.startOf(TOPIC);
    const length = tuple.lengthOf(TOPIC);
    const known = this.#topicBytes;
    if (length !== known.length || bytes.compare(known, 0, length, start, start + length) !== 0) {
      this.#topicBytes = Buffer.from(bytes.subarray(start, start + length));
      this.#topic = this.#topicBytes.toString('utf8') as Topic;
    }
    return this.#topic;
  }
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
