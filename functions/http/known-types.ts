import type { JobPolicy } from '../../engine/job-policy.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { TypePolicy } from '../../engine/ports/record-store.ts';
import type { StepId } from '../../events/ids.ts';

/** A miss asks the database again, but a flood of misses does so only this often. */
const RELOAD_MS = 1_000;
/** What a type declares may change while it stays known: it is asked for anew, while nobody waits for it. */
const STALE_MS = 10_000;

export interface TypeSource {
  listTypes(): Promise<readonly StepId[]>;
  listPolicies(): Promise<readonly TypePolicy[]>;
}

/** The job types that have a handler, remembered: they change with deployments, and every enqueue asks for them. */
export class KnownTypes {
  readonly #source: TypeSource;
  readonly #clock: Clock;
  #types: ReadonlySet<StepId> = new Set();
  #policies: ReadonlyMap<StepId, JobPolicy> = new Map();
  #loadedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;

  constructor(source: TypeSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** @returns those of the given types that nobody has registered */
  async unknown(types: ReadonlySet<StepId>): Promise<StepId[]> {
    if (this.#missing(types).length > 0) await this.#reload(RELOAD_MS);
    // What fails here is told to the next who misses a type.
    else this.#reload(STALE_MS).catch(() => undefined);
    return this.#missing(types);
  }

  /** As last loaded, in alphabetical order. */
  known(): StepId[] {
    return [...this.#types];
  }

  /** As last loaded: ask for what is unknown first. */
  policyOf(type: StepId): JobPolicy | undefined {
    return this.#policies.get(type);
  }

  #missing(types: ReadonlySet<StepId>): StepId[] {
    return [...types].filter((type) => !this.#types.has(type));
  }

  async #reload(afterMs: number): Promise<void> {
    if (this.#loading) return this.#loading;
    if (this.#clock.now().getTime() - this.#loadedAt < afterMs) return;
    this.#loading = this.#fetch();
    try {
      await this.#loading;
    } finally {
      this.#loading = undefined;
    }
  }

  async #fetch(): Promise<void> {
    const [types, policies] = await Promise.all([this.#source.listTypes(), this.#source.listPolicies()]);
    this.#types = new Set(types);
    this.#policies = new Map(policies.map(({ type, policy }) => [type, policy]));
    this.#loadedAt = this.#clock.now().getTime();
  }
}
