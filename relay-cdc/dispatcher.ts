import type { Lsn } from '../events/ids.ts';
import type { AckTracker, TrackedTransaction } from './ack-tracker.ts';
import type { RelayLimits } from './config.ts';
import { flushDelayMs } from './flush-policy.ts';
import type { AckedRow, RelayMetrics } from './metrics.ts';
import type { PlacedRow } from './outgoing.ts';
import type { PublishLane } from './publish-lane.ts';
import { RowQueue, weightOf } from './row-queue.ts';
import type { OutboxRow, WalSession, WalSink } from './wal-session.ts';

export interface DispatcherDeps {
  readonly session: Pick<WalSession, 'confirm' | 'pause' | 'resume'>;
  readonly tracker: AckTracker;
  readonly lane: Pick<PublishLane, 'publish'>;
  readonly limits: RelayLimits;
  readonly metrics: RelayMetrics;
  /** Told once of a failure to publish: the term is over. */
  readonly onFailure: (error: unknown) => void;
}

interface QueuedRow extends PlacedRow, AckedRow {
  readonly row: OutboxRow;
  readonly transaction: TrackedTransaction;
}

/**
 * The way from the log to the broker: collects rows into batches, publishes one batch at a time in commit order while
 * further rows are read, and confirms what the tracker allows. Reading pauses when too much is unacknowledged.
 */
export class Dispatcher implements WalSink {
  readonly #deps: DispatcherDeps;
  readonly #queue = new RowQueue<QueuedRow>();
  #unackedBytes = 0;
  #paused = false;
  #ageMs = 0;
  #readAt = 0;
  #waitingSince = 0;
  #publishing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #current: TrackedTransaction | undefined;
  /** The transaction of the last row given to the broker. */
  #lastPublished: TrackedTransaction | undefined;
  #draining: { readonly until: TrackedTransaction | undefined; readonly done: () => void } | undefined;
  #isStopped = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  begin(commitLsn: Lsn, ageMs: number): void {
    this.#current = this.#deps.tracker.begin(commitLsn);
    this.#ageMs = ageMs;
    this.#readAt = performance.now();
  }

  insert(row: OutboxRow): void {
    const firstIndex = this.#current?.messages ?? 0;
    const transaction = this.#deps.tracker.row(row.messageCount);
    // A row that comes during a hand-over is tracked, so that it stays unconfirmed, and left to the next leader.
    if (this.#isStopped || (this.#draining && this.#draining.until !== transaction)) return;
    if (this.#queue.rows === 0) this.#waitingSince = performance.now();
    const { commitLsn } = transaction;
    const queued = { row, transaction, commitLsn, firstIndex, ageMs: this.#ageMs, readAt: this.#readAt };
    this.#queue.push(queued);
    this.#unackedBytes += weightOf(queued);
  }

  commit(endLsn: Lsn): void {
    this.#deps.tracker.commit(endLsn);
    this.#current = undefined;
  }

  keepalive(walEnd: Lsn): void {
    this.#deps.tracker.keepalive(walEnd);
    this.#deps.session.confirm(this.#deps.tracker.watermark);
  }

  readEnd(): void {
    // A transaction without rows for us moves the watermark as well.
    this.#deps.session.confirm(this.#deps.tracker.watermark);
    this.#applyPressure();
    this.#pump();
    this.#checkDrained();
  }

  /**
   * Publishes the rest of the transaction that is partly with the broker, so that the next leader does not repeat it, and
   * nothing beyond. Resolves when that is acknowledged; with nothing more to come from this dispatcher.
   */
  drain(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const last = this.#lastPublished;
    const until = last && !isDone(last) ? last : undefined;
    this.#draining = { until, done: resolve };
    const dropped = this.#queue.keepWhile(({ transaction }) => transaction === until);
    for (const queued of dropped) this.#unackedBytes -= weightOf(queued);
    this.#applyPressure();
    this.#pump();
    this.#checkDrained();
    return promise;
  }

  /** Publishes nothing more, whatever is queued. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #pump(): void {
    if (this.#publishing || this.#isStopped || this.#queue.rows === 0) return;
    const delay = this.#draining ? 0 : this.#delay();
    if (delay > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#pump();
      }, delay);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#queue.take(this.#deps.limits);
    this.#waitingSince = performance.now();
    this.#lastPublished = batch.at(-1)?.transaction;
    this.#publishing = this.#publish(batch).catch((error: unknown) => {
      this.stop();
      this.#deps.onFailure(error);
    });
  }

  #delay(): number {
    const { messages, bytes } = this.#queue;
    const waitedMs = performance.now() - this.#waitingSince;
    return flushDelayMs({ messages, bytes, ageMs: this.#ageMs, waitedMs }, this.#deps.limits);
  }

  async #publish(batch: readonly QueuedRow[]): Promise<void> {
    await this.#deps.lane.publish(batch);
    this.#deps.metrics.acked(batch);
    for (const queued of batch) {
      this.#deps.tracker.acked(queued.transaction, 1);
      this.#unackedBytes -= weightOf(queued);
    }
    this.#deps.session.confirm(this.#deps.tracker.watermark);
    this.#publishing = undefined;
    this.#applyPressure();
    this.#pump();
    this.#checkDrained();
  }

  #applyPressure(): void {
    const { limits, session, tracker, metrics } = this.#deps;
    metrics.unacked(this.#unackedBytes);
    const bytes = this.#unackedBytes / limits.unackedBytes;
    const transactions = tracker.inFlight / limits.unackedTransactions;
    const fill = Math.max(bytes, transactions);
    if (!this.#paused && fill >= 1 && !this.#draining) {
      this.#paused = true;
      session.pause();
    } else if (this.#paused && (fill <= 0.5 || this.#draining)) {
      this.#paused = false;
      session.resume();
    }
  }

  #checkDrained(): void {
    const draining = this.#draining;
    if (!draining || this.#publishing) return;
    if (draining.until && !isDone(draining.until)) return;
    this.stop();
    draining.done();
  }
}

function isDone(transaction: TrackedTransaction): boolean {
  return transaction.endLsn !== undefined && transaction.unacked === 0;
}
