import type { Lsn } from '../events/ids.ts';
import { AckTracker, type TrackedTransaction } from './ack-tracker.ts';
import type { RelayLimits } from './config.ts';
import { flushDelayMs } from './flush-policy.ts';
import type { Arrival, PlacedRow } from './outgoing.ts';
import { RowQueue, weightOf } from './row-queue.ts';
import type { OutboxRow } from './wal-session.ts';

export interface QueuedRow extends PlacedRow {
  readonly row: OutboxRow;
  readonly transaction: TrackedTransaction;
  readonly arrival: Arrival;
}

/** What there is to do now; more than one of these may be set, and each is to be done. */
export interface Decision {
  /** Everything before it is with the broker. */
  readonly confirm: Lsn;
  readonly reading: 'pause' | 'resume' | undefined;
  /** The next call to the broker. The core counts it as under way until `published` is told. */
  readonly publish: readonly QueuedRow[] | undefined;
  /** Ask again after this time, unless something happens before. */
  readonly waitMs: number | undefined;
  /** What a hand-over had to publish is acknowledged. */
  readonly drained: boolean;
}

/**
 * What the leader does with what it reads: what to publish and when, when to stop reading, what to confirm, what is left of
 * a hand-over. It does no I/O and knows no clock: the same events give the same decisions, so that every interleaving can be
 * simulated (`test/unit/relay-cdc/simulation/`). The state changes in place, for an object a message would cost more than
 * the message.
 */
export class RelayCore {
  readonly #limits: RelayLimits;
  readonly #tracker: AckTracker;
  readonly #queue = new RowQueue<QueuedRow>();
  #unackedBytes = 0;
  #isPaused = false;
  #arrival: Arrival = { ageMs: 0, readAt: 0 };
  /** Since when the oldest row has been waiting; undefined while none has been seen waiting. */
  #waitingSince: number | undefined;
  #underWay: readonly QueuedRow[] | undefined;
  #current: TrackedTransaction | undefined;
  /** The transaction of the last row given to the broker. */
  #lastPublished: TrackedTransaction | undefined;
  #draining: { readonly until: TrackedTransaction | undefined } | undefined;
  #isStopped = false;

  /** @param start everything before it is with the broker already */
  constructor(start: Lsn, limits: RelayLimits) {
    this.#tracker = new AckTracker(start);
    this.#limits = limits;
  }

  get watermark(): Lsn {
    return this.#tracker.watermark;
  }

  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  begin(commitLsn: Lsn, ageMs: number, now: number): void {
    this.#current = this.#tracker.begin(commitLsn);
    this.#arrival = { ageMs, readAt: now };
  }

  insert(row: OutboxRow): void {
    const firstIndex = this.#current?.messages ?? 0;
    const transaction = this.#tracker.row(row.messageCount);
    // A row that comes during a hand-over is tracked, so that it stays unconfirmed, and left to the next leader.
    if (this.#isStopped || (this.#draining && this.#draining.until !== transaction)) return;
    const { commitLsn } = transaction;
    const queued = { row, transaction, commitLsn, firstIndex, arrival: this.#arrival };
    this.#queue.push(queued);
    this.#unackedBytes += weightOf(queued);
  }

  commit(endLsn: Lsn): void {
    this.#tracker.commit(endLsn);
    this.#current = undefined;
  }

  keepalive(walEnd: Lsn): void {
    this.#tracker.keepalive(walEnd);
  }

  /** The broker has what the last decision gave to publish. */
  published(): void {
    for (const queued of this.#underWay ?? []) {
      this.#tracker.acked(queued.transaction, 1);
      this.#unackedBytes -= weightOf(queued);
    }
    this.#underWay = undefined;
  }

  /**
   * From now on only the rest of the transaction that is partly with the broker is published, so that the next leader does
   * not repeat it, and nothing beyond.
   */
  drain(): void {
    const last = this.#lastPublished;
    const until = last && !isDone(last) ? last : undefined;
    this.#draining = { until };
    for (const queued of this.#queue.keepWhile(({ transaction }) => transaction === until)) {
      this.#unackedBytes -= weightOf(queued);
    }
  }

  /** Nothing more is published, whatever is queued. */
  stop(): void {
    this.#isStopped = true;
  }

  /** To be asked whenever something has happened, or the time it gave is up. @param now milliseconds of a steady clock */
  decide(now: number): Decision {
    const reading = this.#pressure();
    const waitMs = this.#dueIn(now);
    const publish = waitMs === 0 ? this.#take(now) : undefined;
    return {
      confirm: this.#tracker.watermark,
      reading,
      publish,
      waitMs: publish ? undefined : waitMs,
      drained: this.#isDrained(),
    };
  }

  #pressure(): 'pause' | 'resume' | undefined {
    const bytes = this.#unackedBytes / this.#limits.unackedBytes;
    const transactions = this.#tracker.inFlight / this.#limits.unackedTransactions;
    const fill = Math.max(bytes, transactions);
    // A hand-over reads on: the rest of its transaction may not have come yet.
    if (!this.#isPaused && fill >= 1 && !this.#draining) {
      this.#isPaused = true;
      return 'pause';
    }
    if (!this.#isPaused || (fill > 0.5 && !this.#draining)) return undefined;
    this.#isPaused = false;
    return 'resume';
  }

  #dueIn(now: number): number | undefined {
    if (this.#queue.rows === 0 || this.#isStopped) return undefined;
    this.#waitingSince ??= now;
    if (this.#underWay) return undefined;
    if (this.#draining) return 0;
    const { messages, bytes } = this.#queue;
    const waitedMs = now - this.#waitingSince;
    return flushDelayMs({ messages, bytes, ageMs: this.#arrival.ageMs, waitedMs }, this.#limits);
  }

  #take(now: number): readonly QueuedRow[] {
    const batch = this.#queue.take(this.#limits);
    this.#underWay = batch;
    this.#lastPublished = batch.at(-1)?.transaction;
    this.#waitingSince = this.#queue.rows > 0 ? now : undefined;
    return batch;
  }

  #isDrained(): boolean {
    if (!this.#draining || this.#underWay) return false;
    const { until } = this.#draining;
    return until === undefined || isDone(until);
  }
}

function isDone(transaction: TrackedTransaction): boolean {
  return transaction.endLsn !== undefined && transaction.unacked === 0;
}
