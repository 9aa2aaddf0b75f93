import type { Lsn } from '../events/ids.ts';
import { formatLsn, laterOf } from './lsn.ts';

/** A transaction between its first byte from the log and the broker's last acknowledgement of it. */
export interface TrackedTransaction {
  /** Where its commit record starts. */
  readonly commitLsn: Lsn;
  /** Rows handed out and not acknowledged. */
  unacked: number;
  /** Where its commit record ends; undefined while its rows are still coming. */
  endLsn: Lsn | undefined;
  /** Messages seen so far: the index of the next one. */
  messages: number;
}

/**
 * Decides what may be confirmed to the server: the end of the last transaction of the unbroken run of transactions, in
 * commit order, whose every row the broker has acknowledged. Acknowledgements may come in any order; "the last one wins"
 * is how other relays have lost data.
 */
export class AckTracker {
  #watermark: Lsn;
  #transactions: TrackedTransaction[] = [];
  /** The first transaction not yet passed; those before it are cut off in bulk, since `shift` moves the whole array. */
  #head = 0;
  #newest: TrackedTransaction | undefined;

  /** @param start what the slot has confirmed already */
  constructor(start: Lsn) {
    this.#watermark = start;
  }

  get watermark(): Lsn {
    return this.#watermark;
  }

  /** Transactions begun and not passed by the watermark. */
  get inFlight(): number {
    return this.#transactions.length - this.#head;
  }

  begin(commitLsn: Lsn): TrackedTransaction {
    if (this.#newest) throw new RangeError('a transaction begins within another');
    // Stays on in production: the server skips a commit before what was confirmed, so this one would have been lost.
    if (commitLsn < this.#watermark) {
      throw new RangeError(
        `The commit at ${formatLsn(commitLsn)} comes after ${formatLsn(this.#watermark)} was confirmed.`,
      );
    }
    const transaction = { commitLsn, unacked: 0, endLsn: undefined, messages: 0 };
    this.#newest = transaction;
    this.#transactions.push(transaction);
    return transaction;
  }

  /** @returns the transaction the row belongs to */
  row(messageCount: number): TrackedTransaction {
    if (!this.#newest) throw new RangeError('a row comes outside a transaction');
    this.#newest.unacked += 1;
    this.#newest.messages += messageCount;
    return this.#newest;
  }

  commit(endLsn: Lsn): void {
    if (!this.#newest) throw new RangeError('a commit comes outside a transaction');
    this.#newest.endLsn = endLsn;
    this.#newest = undefined;
    this.#advance();
  }

  acked(transaction: TrackedTransaction, rows: number): void {
    if (rows > transaction.unacked) throw new RangeError('more rows are acknowledged than were handed out');
    transaction.unacked -= rows;
    this.#advance();
  }

  /**
   * The server has nothing for us before `walEnd`. Only with nothing in flight does that say that all before it is done:
   * then an idle outbox does not hold back the log that others write.
   */
  keepalive(walEnd: Lsn): void {
    if (this.inFlight === 0) this.#watermark = laterOf(this.#watermark, walEnd);
  }

  #advance(): void {
    for (let first = this.#transactions[this.#head]; first; first = this.#transactions[this.#head]) {
      if (first.endLsn === undefined || first.unacked > 0) break;
      this.#watermark = laterOf(this.#watermark, first.endLsn);
      this.#head += 1;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#transactions.length) {
      this.#transactions = this.#transactions.slice(this.#head);
      this.#head = 0;
    }
  }
}
