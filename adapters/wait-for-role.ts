import type { Clock } from '../engine/ports/clock.ts';
import type { RoleLease } from '../engine/ports/role-scheduler.ts';

export interface WaitForRoleOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Takes the role if nobody has it. */
  readonly take: () => Promise<RoleLease | undefined>;
  /** Nobody said who has it; it is tried again. */
  readonly unanswered: (error: unknown) => void;
}

/** Tries at intervals until the role is taken, or until the signal: then there is none, and what was taken is given back. */
export async function waitForRole(
  signal: AbortSignal,
  { clock, intervalMs, take, unanswered }: WaitForRoleOptions,
): Promise<RoleLease | undefined> {
  while (!signal.aborted) {
    try {
      const lease = await take();
      if (lease && !signal.aborted) return lease;
      await lease?.release();
    } catch (error) {
      unanswered(error);
    }
    await clock.sleep(intervalMs, signal);
  }
  return undefined;
}
