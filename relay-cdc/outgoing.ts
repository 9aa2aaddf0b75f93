import type { OutgoingRecord } from '../engine/ports/event-streamer.ts';
import { DISPATCH_CONTENT_TYPE, header } from '../events/headers.ts';
import type { JobId, Lsn, Term, Topic } from '../events/ids.ts';
import { decodePack, type PackedHeader } from '../events/pack.ts';
import { formatLsn } from './lsn.ts';
import type { OutboxRow } from './wal-session.ts';

/** A row on its way to the broker, with its place in the log. */
export interface PlacedRow {
  readonly row: OutboxRow;
  /** Where the commit record starts that wrote the row. */
  readonly commitLsn: Lsn;
  /** Place of its first message within the transaction. */
  readonly firstIndex: number;
}

/** A row whose messages could be read, and where they are among the records. */
export interface PackedRow {
  readonly id: bigint;
  readonly topic: Topic;
  readonly jobIds: readonly JobId[];
}

export interface Outgoing {
  readonly records: readonly OutgoingRecord[];
  readonly rows: readonly PackedRow[];
  /** Rows that hold no pack. They stay where they are, in the outbox, for a person to look at. */
  readonly broken: readonly { readonly id: bigint; readonly topic: Topic; readonly error: unknown }[];
}

const CONTENT_TYPE: PackedHeader = { name: header.contentType, value: Buffer.from(DISPATCH_CONTENT_TYPE) };
const CACHED_INDEXES = 1_024;
const indexHeaders = Array.from({ length: CACHED_INDEXES }, (_, index) => newIndexHeader(index));

/** Opens the packs of rows into records, and adds the headers that only the relay knows. Nothing is copied. */
export class Unpacker {
  readonly #epoch: PackedHeader;
  #lsn: Lsn | undefined;
  #lsnHeader: PackedHeader = { name: header.commitLsn, value: Buffer.alloc(0) };

  constructor(term: Term) {
    this.#epoch = { name: header.epoch, value: Buffer.from(term.toString()) };
  }

  unpack(placed: readonly PlacedRow[]): Outgoing {
    const records: OutgoingRecord[] = [];
    const rows: PackedRow[] = [];
    const broken: Outgoing['broken'][number][] = [];
    for (const one of placed) {
      const { id, topic } = one.row;
      try {
        rows.push({ id, topic, jobIds: this.#open(one, records) });
      } catch (error) {
        broken.push({ id, topic, error });
      }
    }
    return { records, rows, broken };
  }

  /** @returns the ids of the jobs whose records were added */
  #open({ row, commitLsn, firstIndex }: PlacedRow, records: OutgoingRecord[]): JobId[] {
    const { topic, messages, messageCount } = row;
    const lsn = this.#headerOf(commitLsn);
    let index = firstIndex;
    return decodePack(messages, messageCount).map(({ jobId, key, value, headers }) => {
      const own = indexHeaders[index] ?? newIndexHeader(index);
      index += 1;
      records.push({ topic, key, value, headers: [...headers, CONTENT_TYPE, lsn, own, this.#epoch] });
      return jobId;
    });
  }

  #headerOf(lsn: Lsn): PackedHeader {
    if (lsn !== this.#lsn) {
      this.#lsn = lsn;
      this.#lsnHeader = { name: header.commitLsn, value: Buffer.from(formatLsn(lsn)) };
    }
    return this.#lsnHeader;
  }
}

function newIndexHeader(index: number): PackedHeader {
  return { name: header.commitIndex, value: Buffer.from(String(index)) };
}
