import type { Clock } from '../../engine/ports/clock.ts';
import type { StepId } from '../../events/ids.ts';

/** A miss asks the database again, but a flood of misses does so only this often. */
const RELOAD_MS = 1_000;

/** The job types that have a handler, remembered: they change with deployments, and every enqueue asks for them. */
export class KnownTypes {
  readonly #load: () => Promise<readonly StepId[]>;
  readonly #clock: Clock;
  #types: ReadonlySet<StepId> = new Set();
  #loadedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;

  constructor(load: () => Promise<readonly StepId[]>, clock: Clock) {
    this.#load = load;
    this.#clock = clock;
  }

  /** @returns those of the given types that nobody has registered */
  async unknown(types: ReadonlySet<StepId>): Promise<StepId[]> {
    if (this.#missing(types).length > 0) await this.#reload();
    return this.#missing(types);
  }

  /** As last loaded, in alphabetical order. */
  known(): StepId[] {
    return [...this.#types];
  }

  #missing(types: ReadonlySet<StepId>): StepId[] {
    return [...types].filter((type) => !this.#types.has(type));
  }

  async #reload(): Promise<void> {
    if (this.#loading) return this.#loading;
    if (this.#clock.now().getTime() - this.#loadedAt < RELOAD_MS) return;
    this.#loading = this.#fetch();
    try {
      await this.#loading;
    } finally {
      this.#loading = undefined;
    }
  }

  async #fetch(): Promise<void> {
    this.#types = new Set(await this.#load());
    this.#loadedAt = this.#clock.now().getTime();
  }
}
