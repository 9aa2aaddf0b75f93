import type { Clock } from '../engine/ports/clock.ts';
import type { ConsumerLag } from '../engine/ports/consumer-lag.ts';
import type { BacklogAges } from '../engine/ports/record-store.ts';
import type { StepId } from '../events/ids.ts';

interface Seen {
  readonly waitedMs: number;
  readonly at: number;
}

/**
 * For how long messages may have waited for each step's workers: what the lag was when it could be read last, and all the time
 * since, in which none may have been taken.
 */
export class Backlogs {
  readonly #clock: Clock;
  readonly #seen = new Map<StepId, Seen>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  tell(lags: readonly ConsumerLag[]): void {
    const at = this.#clock.now().getTime();
    for (const { step, seconds, hasCommitted } of lags) {
      if (hasCommitted) this.#seen.set(step, { waitedMs: seconds * 1000, at });
      else this.#seen.delete(step);
    }
  }

  ages(atMostMs: number): BacklogAges {
    const now = this.#clock.now().getTime();
    return new Map(
      [...this.#seen].map(([step, { waitedMs, at }]) => [step, Math.min(atMostMs, waitedMs + now - at)]),
    );
  }
}
