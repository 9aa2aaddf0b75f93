import type { OutgoingPack } from '../engine/ports/event-streamer.ts';
import { DISPATCH_CONTENT_TYPE, header } from '../events/headers.ts';
import type { Lsn, Term, Topic } from '../events/ids.ts';
import { checkPack, type PackedHeader } from '../events/pack.ts';
import { formatLsn } from './lsn.ts';
import type { OutboxRow } from './wal-session.ts';

/** A row on its way to the broker, with its place in the log. */
export interface PlacedRow {
  readonly row: OutboxRow;
  /** Where the commit record starts that wrote the row. */
  readonly commitLsn: Lsn;
  /** Place of its first message within the transaction. */
  readonly firstIndex: number;
  /** It was read from the table: its position is not that of its own commit. */
  readonly fromTable?: true;
  /** Of a row that came from the log; shared by the rows of a transaction. */
  readonly arrival?: Arrival;
}

export interface Arrival {
  /** How long before the server sent it it was committed, in milliseconds. */
  readonly ageMs: number;
  /** When it was read, by the clock of whoever tells of it. */
  readonly readAt: number;
}

export interface Outgoing {
  readonly packs: readonly OutgoingPack[];
  /** The rows of the packs, at the same places. */
  readonly rows: readonly PlacedRow[];
  readonly messages: number;
  /** Rows that hold no pack. They stay where they are, in the outbox, for a person to look at. */
  readonly broken: readonly { readonly id: bigint; readonly topic: Topic; readonly error: unknown }[];
}

const CONTENT_TYPE: PackedHeader = { name: header.contentType, value: Buffer.from(DISPATCH_CONTENT_TYPE) };

/** Makes packs for the publisher of rows, with the headers that only the relay knows. Nothing is copied. */
export class Labeller {
  readonly #epoch: PackedHeader;
  #lsn: Lsn | undefined;
  #headers: readonly PackedHeader[] = [];

  constructor(term: Term) {
    this.#epoch = { name: header.epoch, value: Buffer.from(term.toString()) };
  }

  label(placed: readonly PlacedRow[]): Outgoing {
    const packs: OutgoingPack[] = [];
    const rows: PlacedRow[] = [];
    const broken: Outgoing['broken'][number][] = [];
    let count = 0;
    for (const one of placed) {
      const { row, commitLsn, firstIndex } = one;
      const { id, topic, messages, messageCount } = row;
      try {
        checkPack(messages, messageCount);
      } catch (error) {
        broken.push({ id, topic, error });
        continue;
      }
      packs.push({ topic, messages, messageCount, headers: this.#headersOf(commitLsn), firstIndex });
      rows.push(one);
      count += messageCount;
    }
    return { packs, rows, messages: count, broken };
  }

  #headersOf(lsn: Lsn): readonly PackedHeader[] {
    if (lsn !== this.#lsn) {
      this.#lsn = lsn;
      const commitLsn = { name: header.commitLsn, value: Buffer.from(formatLsn(lsn)) };
      this.#headers = [CONTENT_TYPE, this.#epoch, commitLsn];
    }
    return this.#headers;
  }
}
