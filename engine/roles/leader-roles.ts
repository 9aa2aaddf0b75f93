import type { EngineDeps } from '../deps.ts';
import type { Logger } from '../ports/logger.ts';
import { queueDueJobs } from './due-jobs.ts';
import { dispatchPolledJobs, redispatchLostJobs } from './lost-dispatches.ts';
import { reclaimStaleJobs } from './stale-leases.ts';

/** Work that exactly one process does at a time: the leader. `run` resolves when the signal aborts. */
export interface LeaderRole {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

export interface LeaderRoleOptions {
  readonly logger: Logger;
  /** How often due jobs and expired leases are looked for, in milliseconds. */
  readonly tickMs: number;
  /** A queued job that nobody claimed for this long is dispatched again, in milliseconds. */
  readonly lostAfterMs: number;
}

const BATCH = 500;
/** After the first look, at the start: only a process still to be changed to the other dispatch mode makes more of them. */
const MODE_CHANGE_MS = 30_000;
const MAX_PAUSE_MS = 30_000;

export function leaderRoles(deps: EngineDeps, options: LeaderRoleOptions): LeaderRole[] {
  const { tickMs, lostAfterMs } = options;
  const sweepMs = Math.max(tickMs, lostAfterMs / 10);
  return [
    role(deps, options, { name: 'due-jobs', everyMs: tickMs, work: () => queueDueJobs(deps, BATCH) }),
    role(deps, options, { name: 'stale-leases', everyMs: tickMs, work: () => reclaimStaleJobs(deps, BATCH) }),
    role(deps, options, {
      name: 'polled-jobs',
      everyMs: MODE_CHANGE_MS,
      work: () => dispatchPolledJobs(deps, BATCH),
    }),
    role(deps, options, {
      name: 'lost-dispatches',
      everyMs: sweepMs,
      work: () => redispatchLostJobs(deps, lostAfterMs, BATCH),
    }),
  ];
}

interface Routine {
  readonly name: string;
  readonly everyMs: number;
  /** @returns how much it did; a full batch means that there may be more, at once */
  readonly work: () => Promise<number>;
}

function role(deps: EngineDeps, { logger }: LeaderRoleOptions, routine: Routine): LeaderRole {
  return {
    name: routine.name,
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        const done = await routine.work().catch((error: unknown) => {
          failures += 1;
          logger.error('a leader role failed and will try again', { role: routine.name, failures, error });
          return -1;
        });
        if (done >= 0) failures = 0;
        if (done === BATCH) continue;
        await deps.clock.sleep(Math.min(routine.everyMs * 2 ** failures, MAX_PAUSE_MS), signal);
      }
    },
  };
}
