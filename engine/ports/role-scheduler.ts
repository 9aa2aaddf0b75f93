/**
 * Gives a role to one process at a time. Every implementation passes `roleSchedulerSuite` of `@millrace/sdk/testing`:
 *
 * 1. Of all that acquire a role, one holds it; the others wait.
 * 2. A role that is released goes to one that waits; releasing twice is as releasing once, and takes it from nobody else.
 * 3. Each holder's term is higher than that of every holder before it, whichever scheduler gave it.
 * 4. A wait ends with undefined when its signal aborts, and holds nothing then.
 * 5. When the hold is lost, its signal aborts, and the role goes to another.
 * 6. Roles have nothing to do with each other.
 *
 * Losing the hold and learning of it are apart by a moment: what a holder writes must carry a guard of its own (a state, a
 * version, or the term).
 */
export interface RoleScheduler {
  /** Resolves with the hold, or with undefined once the signal has aborted. Does not reject: what is away is asked again. */
  acquire(role: string, signal: AbortSignal): Promise<RoleLease | undefined>;
}

export interface RoleLease {
  /** Aborts when the role is lost. */
  readonly signal: AbortSignal;
  readonly term: bigint;
  /** Gives the role up. Safe to call twice. */
  release(): Promise<void>;
}
