import type { Clock } from '../../../engine/ports/clock.ts';
import type { Logger } from '../../../engine/ports/logger.ts';
import { type Sleeper, WakeLatch, type Wakeups } from '../../../engine/ports/wakeups.ts';
import type { Database } from '../sql/database.ts';

export interface HubSleeper extends Sleeper, Disposable {
  /** Wakes this one alone. */
  tell(): void;
}

export interface WakeHubOptions {
  readonly db: Database;
  readonly wakeups: Wakeups;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells members that something was published: those of this process at once, those of others by NOTIFY. One process tells
 * at most once at a time, outside of the transactions that publish: a transaction that notifies holds one lock of the whole
 * server while it commits. What nobody heard is found by the poll that every member falls back to.
 */
export class WakeHub {
  readonly #options: WakeHubOptions;
  readonly #latches = new Set<WakeLatch>();
  readonly #ended = new AbortController();
  #listening: Promise<void> | undefined;
  #told = true;
  #telling = false;

  constructor(options: WakeHubOptions) {
    this.#options = options;
  }

  /** Of one member, until it is disposed of. */
  sleeper(): HubSleeper {
    const latch = new WakeLatch(this.#options.clock);
    this.#latches.add(latch);
    this.#listening ??= this.#listen();
    return {
      sleep: (milliseconds, signal) => latch.sleep(milliseconds, signal),
      tell: () => latch.tell(),
      [Symbol.dispose]: () => this.#latches.delete(latch),
    };
  }

  /** Does not wait until it was told. */
  tell(): void {
    this.#wake();
    this.#told = false;
    if (!this.#telling) void this.#notify();
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#listening;
  }

  #wake(): void {
    for (const latch of this.#latches) latch.tell();
  }

  async #notify(): Promise<void> {
    this.#telling = true;
    try {
      while (!this.#told) {
        this.#told = true;
        await this.#options.db.query(`select pg_notify('millrace_eventbus', '')`);
      }
    } catch (error) {
      this.#options.logger.warn('messages could not be announced; members find them by looking', { error });
    } finally {
      this.#telling = false;
    }
  }

  async #listen(): Promise<void> {
    const { wakeups } = this.#options;
    const { signal } = this.#ended;
    const sleeper = wakeups.listen('millrace_eventbus', signal);
    while (!signal.aborted) {
      await sleeper.sleep(LONG_MS, signal);
      this.#wake();
    }
  }
}

/** Members poll for themselves; this only bounds one sleep. */
const LONG_MS = 60_000;
