import type { Clock } from '../../engine/ports/clock.ts';
import type { HeldLease } from './lease-keeper.ts';

/** Unless the service says otherwise. */
export const LONGEST_ATTEMPT_MS = 15 * 60_000;

export interface AttemptLimitsOptions {
  /** An attempt may take this long, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborts when the worker must stop. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
}

/**
 * Aborts attempts that take too long, and all of them when the worker must stop. One timer serves all: the limit is the
 * same for each, so the one that began first is the first to reach it. (A timer and a composed signal an attempt were two
 * thirds of what a worker with short jobs spent its time on.)
 */
export class AttemptLimits implements Disposable {
  readonly #options: AttemptLimitsOptions;
  /** In the order of their beginnings. */
  readonly #running = new Map<HeldLease, number>();
  readonly #closed = new AbortController();
  readonly #onStop = () => this.#abortAll(this.#options.stop.reason);
  #isWatching = false;

  constructor(options: AttemptLimitsOptions) {
    this.#options = options;
    options.stop.addEventListener('abort', this.#onStop);
  }

  begin(lease: HeldLease): void {
    const { stop, timeoutMs, clock } = this.#options;
    if (stop.aborted) lease.abort(stop.reason);
    this.#running.set(lease, clock.now().getTime() + timeoutMs);
    if (!this.#isWatching) void this.#watch();
  }

  end(lease: HeldLease): void {
    this.#running.delete(lease);
  }

  /** No timer is left behind. */
  [Symbol.dispose](): void {
    this.#options.stop.removeEventListener('abort', this.#onStop);
    this.#closed.abort();
  }

  #abortAll(reason: unknown): void {
    for (const lease of this.#running.keys()) lease.abort(reason);
  }

  async #watch(): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    this.#isWatching = true;
    for (const [lease, until] of this.#running) {
      const left = until - clock.now().getTime();
      if (left > 0) await clock.sleep(left, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      // Most have ended while it slept for them, and the iteration goes on with those that began since.
      if (!this.#running.has(lease)) continue;
      this.#running.delete(lease);
      lease.abort(new Error(`the attempt took longer than ${timeoutMs} ms`));
    }
    this.#isWatching = false;
  }
}
