import type { StepId } from '../events/ids.ts';
import type { ArrivalWait } from './ports/arrivals.ts';
import type { Clock } from './ports/clock.ts';

interface Waiter {
  readonly types: readonly StepId[];
  readonly wake: AbortController;
}

/** Who waits for jobs of which types, and when the last of each was told of: what adapters of Arrivals are made of. */
export class ArrivalBoard {
  readonly #clock: Clock;
  readonly #last = new Map<StepId, number>();
  readonly #waiters = new Set<Waiter>();
  /** When something was told of that may be of any type. */
  #lastOfAny = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  mark(): number {
    return this.#count;
  }

  /** @param types undefined for news that may concern any */
  tell(types?: readonly StepId[]): void {
    this.#count += 1;
    if (types) for (const type of types) this.#last.set(type, this.#count);
    else this.#lastOfAny = this.#count;
    for (const waiter of this.#waiters) {
      if (!types || waiter.types.some((type) => types.includes(type))) waiter.wake.abort();
    }
  }

  async after(mark: number, { types, ms, signal }: ArrivalWait): Promise<void> {
    if (this.#lastOfAny > mark || types.some((type) => (this.#last.get(type) ?? 0) > mark)) return;
    const waiter = { types, wake: new AbortController() };
    this.#waiters.add(waiter);
    await this.#clock.sleep(ms, AbortSignal.any([signal, waiter.wake.signal]));
    this.#waiters.delete(waiter);
  }
}
