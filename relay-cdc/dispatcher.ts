import type { Lsn } from '../events/ids.ts';
import type { RelayMetrics } from './metrics.ts';
import type { PublishLane } from './publish-lane.ts';
import type { QueuedRow, RelayCore } from './relay-core.ts';
import type { OutboxRow, WalSession, WalSink } from './wal-session.ts';

export interface DispatcherDeps {
  readonly session: Pick<WalSession, 'confirm' | 'pause' | 'resume'>;
  readonly core: RelayCore;
  readonly lane: Pick<PublishLane, 'publish'>;
  readonly metrics: RelayMetrics;
  /** Told once of a failure to publish: the term is over. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * The way from the log to the broker: tells the core what was read and acknowledged, and does what it decides. One batch is
 * published at a time while further rows are read.
 */
export class Dispatcher implements WalSink {
  readonly #deps: DispatcherDeps;
  readonly #drained = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  begin(commitLsn: Lsn, ageMs: number): void {
    this.#deps.core.begin(commitLsn, ageMs, performance.now());
  }

  insert(row: OutboxRow): void {
    this.#deps.core.insert(row);
  }

  commit(endLsn: Lsn): void {
    this.#deps.core.commit(endLsn);
  }

  keepalive(walEnd: Lsn): void {
    const { core, session } = this.#deps;
    core.keepalive(walEnd);
    session.confirm(core.watermark);
  }

  readEnd(): void {
    this.#act();
  }

  /** Resolves when what a hand-over must still publish is acknowledged; nothing more comes from this dispatcher then. */
  drain(): Promise<void> {
    this.#deps.core.drain();
    this.#act();
    return this.#drained.promise;
  }

  /** Publishes nothing more, whatever is queued. */
  stop(): void {
    this.#deps.core.stop();
    clearTimeout(this.#timer);
  }

  #act(): void {
    const { core, session, metrics } = this.#deps;
    clearTimeout(this.#timer);
    const { confirm, reading, publish, waitMs, drained } = core.decide(performance.now());
    metrics.unacked(core.unackedBytes);
    session.confirm(confirm);
    if (reading === 'pause') session.pause();
    else if (reading === 'resume') session.resume();
    if (publish) void this.#publish(publish);
    else if (waitMs !== undefined) this.#timer = setTimeout(() => this.#act(), waitMs);
    if (!drained) return;
    this.stop();
    this.#drained.resolve();
  }

  /** Never rejects. */
  async #publish(rows: readonly QueuedRow[]): Promise<void> {
    const { core, lane, metrics, onFailure } = this.#deps;
    try {
      await lane.publish(rows);
      metrics.acked(rows);
      core.published();
      for (const { row } of rows) row.memory?.release();
      this.#act();
    } catch (error) {
      this.stop();
      onFailure(error);
    }
  }
}
