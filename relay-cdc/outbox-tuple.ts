import { streamBroken } from './failures.ts';
import type { Piece } from './piece.ts';

export const OUTBOX_TABLE = 'dispatch_outbox';
const REQUIRED = ['id', 'topic', 'message_count', 'messages'] as const;
type Column = (typeof REQUIRED)[number];

/** Places in REQUIRED. */
const ID = 0;
export const TOPIC = 1;
const MESSAGE_COUNT = 2;
const MESSAGES = 3;

const KIND = { binary: 0x62, text: 0x74, null: 0x6e, unchanged: 0x75 } as const;

/**
 * Where the columns of one outbox relation are in its tuples, and where those of the tuple at hand lie. One object for all
 * tuples of a relation: at 100,000 a second an object a column is most of the cost.
 */
export class OutboxTuple {
  /** For each place of a tuple: the index into REQUIRED, or -1. */
  readonly #fields: Int32Array;
  readonly #starts = new Int32Array(REQUIRED.length);
  readonly #lengths = new Int32Array(REQUIRED.length);
  readonly #kinds = new Int32Array(REQUIRED.length);
  #bytes: Buffer = Buffer.alloc(0);
  #view = new DataView(new ArrayBuffer(0)) as DataView;
  #end = 0;

  /** @param places of the columns, by name. @throws MillraceError when a required one is not published */
  constructor(places: ReadonlyMap<string, number>, columns: number) {
    this.#fields = new Int32Array(columns).fill(-1);
    for (const [field, name] of REQUIRED.entries()) {
      const place = places.get(name);
      if (place === undefined) throw missing(name, 'is not in the publication');
      this.#fields[place] = field;
    }
  }

  /** Reads the tuple that lies in the piece from `start`, where the number of its columns stands, up to `end`. */
  find({ bytes, view }: Piece, start: number, end: number): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#end = end;
    const columns = bytes.readUInt16BE(start);
    if (columns !== this.#fields.length) {
      throw malformed(`a row has ${columns} of ${this.#fields.length} columns`);
    }
    let at = start + 2;
    for (let place = 0; place < columns; place += 1) at = this.#findValue(place, at);
  }

  id(): bigint {
    const start = this.startOf(ID);
    const length = this.lengthOf(ID);
    if (this.#isText(ID)) return BigInt(this.#digits(start, length));
    if (length !== 8) throw malformed(`an id has ${length} bytes`);
    return this.#view.getBigInt64(start);
  }

  messageCount(): number {
    const start = this.startOf(MESSAGE_COUNT);
    const length = this.lengthOf(MESSAGE_COUNT);
    if (this.#isText(MESSAGE_COUNT)) return Number(this.#digits(start, length));
    if (length !== 4) throw malformed(`a message count has ${length} bytes`);
    return this.#bytes.readInt32BE(start);
  }

  /** A view of the piece. */
  messages(): Buffer {
    const start = this.startOf(MESSAGES);
    const end = start + this.lengthOf(MESSAGES);
    // Text form of bytea: \x and two digits a byte.
    if (this.#isText(MESSAGES)) return Buffer.from(this.#bytes.toString('latin1', start + 2, end), 'hex');
    return this.#bytes.subarray(start, end);
  }

  /** @throws MillraceError when the tuple has no value there: to skip the row would lose its jobs */
  startOf(field: number): number {
    const kind = this.#kinds[field];
    if (kind !== KIND.binary && kind !== KIND.text) throw missing(REQUIRED[field] ?? 'id', 'has no value');
    return this.#starts[field] ?? 0;
  }

  lengthOf(field: number): number {
    return this.#lengths[field] ?? 0;
  }

  #isText(field: number): boolean {
    return this.#kinds[field] === KIND.text;
  }

  #digits(start: number, length: number): string {
    const text = this.#bytes.toString('latin1', start, start + length);
    if (!/^-?\d+$/.test(text)) throw malformed('a number is none');
    return text;
  }

  /** Notes where the value at `place` lies, if it is one we need. @returns where the next one begins */
  #findValue(place: number, from: number): number {
    need(from, 1, this.#end);
    const kind = this.#bytes[from] ?? 0;
    let at = from + 1;
    let length = 0;
    if (kind === KIND.binary || kind === KIND.text) {
      need(at, 4, this.#end);
      length = this.#bytes.readInt32BE(at);
      at += 4;
      need(at, length, this.#end);
    } else if (kind !== KIND.null && kind !== KIND.unchanged) {
      throw malformed(`a column has the unknown kind ${kind}`);
    }
    const field = this.#fields[place] ?? -1;
    if (field >= 0) {
      this.#kinds[field] = kind;
      this.#starts[field] = at;
      this.#lengths[field] = length;
    }
    return at + length;
  }
}

export function need(at: number, length: number, end: number): void {
  if (length < 0 || at + length > end) throw malformed('a message is cut short');
}

export function malformed(what: string): Error {
  return streamBroken(
    `The replication stream is not what PostgreSQL documents: ${what}. Check that no proxy stands between the relay and ` +
      'PostgreSQL, and report this with the server version.',
  );
}

function missing(column: Column, what: string): Error {
  return streamBroken(
    `Column ${column} of ${OUTBOX_TABLE} ${what}. Nothing was skipped; the relay stops here. Restore the column and its ` +
      'place in the publication, or upgrade the relay. If it stops at the same place again, the log still tells of the rows from ' +
      'before: drop the slot of the relay, and the next one that leads dispatches what waits from the table.',
    { detail: { column } },
  );
}
