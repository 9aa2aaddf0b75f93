import type { JobPolicy } from '../../engine/job-policy.ts';
import type { TypePolicy } from '../../engine/ports/record-store.ts';
import type { StepId } from '../../events/ids.ts';

/** The job types that are known, and what they declare of their jobs. */
export class MemoryJobTypes {
  readonly #types = new Map<StepId, JobPolicy | undefined>();

  register(types: readonly StepId[], policies?: ReadonlyMap<StepId, JobPolicy>): void {
    for (const type of types) {
      const policy = policies ? policies.get(type) : this.#types.get(type);
      this.#types.set(type, policy);
    }
  }

  names(): StepId[] {
    return [...this.#types.keys()].sort();
  }

  policies(): TypePolicy[] {
    return this.names().flatMap((type) => {
      const policy = this.#types.get(type);
      return policy ? [{ type, policy }] : [];
    });
  }
}
