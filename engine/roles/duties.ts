import type { Logger } from '../ports/logger.ts';
import type { RoleScheduler } from '../ports/role-scheduler.ts';
import type { LeaderRole } from './leader-roles.ts';

/** The name under which one process does them all. */
export const DUTIES = 'duties';

export interface DutiesOptions {
  readonly scheduler: RoleScheduler;
  readonly roles: readonly LeaderRole[];
  readonly logger: Logger;
}

/**
 * Does the leader's work whenever it is this process's turn, until the signal aborts: for installs without a relay, whose
 * leader does it otherwise. What each role writes is guarded by the state it expects, so a former leader does no harm.
 */
export async function runDuties(
  { scheduler, roles, logger }: DutiesOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const lease = await scheduler.acquire(DUTIES, signal);
    if (!lease) return;
    logger.info('this process does the duties of the leader', { term: lease.term });
    const either = AbortSignal.any([signal, lease.signal]);
    try {
      await Promise.all(roles.map((role) => role.run(either)));
    } finally {
      await lease.release();
    }
    if (!signal.aborted) logger.warn('the duties of the leader have gone elsewhere', { term: lease.term });
  }
}
