import type { EngineDeps } from '../deps.ts';
import type { Logger } from '../ports/logger.ts';
import type { BacklogAges } from '../ports/record-store.ts';
import type { WakeupChannel, Wakeups } from '../ports/wakeups.ts';
import { advanceDueInstances } from './due-instances.ts';
import { queueDueJobs } from './due-jobs.ts';
import { admitLimitedJobs } from './limited-jobs.ts';
import { dispatchPolledJobs, redispatchLostJobs } from './lost-dispatches.ts';
import { type Retention, sweepEnded } from './retention.ts';
import { tickSchedules } from './schedule-ticks.ts';
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
  /** How long messages have waited for their workers, no longer than `atMostMs`; without it nothing is known to wait. */
  readonly backlogs?: ((atMostMs: number) => BacklogAges) | undefined;
  /** Wakes the timers when a job becomes due sooner than they sleep; without it they are as late as a tick. */
  readonly wakeups?: Wakeups | undefined;
  /** How long to keep what has ended; all of it for ever unless given. */
  readonly retention?: Retention | undefined;
}

const BATCH = 500;
/** Each is a decision, and may have much to write. */
const INSTANCE_BATCH = 100;
/** After the first look, at the start: only a process still to be changed to the other dispatch mode makes more of them. */
const MODE_CHANGE_MS = 30_000;
/** However long a group of workers stands still, a message that is lost beside it is found. */
const MAX_BACKLOGS = 12;
const MAX_PAUSE_MS = 30_000;
const SWEEP_MS = 5 * 60_000;
/** A sweep over much that stays takes a while: at most this share of the time. */
const SWEEP_SHARE = 0.05;

export function leaderRoles(deps: EngineDeps, options: LeaderRoleOptions): LeaderRole[] {
  const { tickMs, lostAfterMs, retention } = options;
  const sweepMs = Math.max(tickMs, lostAfterMs / 10);
  return [
    role(deps, options, {
      name: 'due-jobs',
      // Nobody is woken for what is further off than a minute (migration 0011), so it must be looked for before.
      everyMs: Math.min(tickMs, MAX_PAUSE_MS),
      work: () => queueDueJobs(deps, BATCH),
      soonerMs: () => deps.store.nextDueMs(),
      wokenBy: 'millrace_due',
    }),
    role(deps, options, {
      name: 'due-instances',
      everyMs: Math.min(tickMs, MAX_PAUSE_MS),
      work: () => advanceDueInstances(deps, INSTANCE_BATCH),
      full: INSTANCE_BATCH,
      soonerMs: () => deps.store.nextInstanceDueMs(),
      wokenBy: 'millrace_workflow',
    }),
    role(deps, options, {
      name: 'schedules',
      everyMs: MAX_PAUSE_MS,
      work: () => tickSchedules(deps, BATCH, options.logger),
      soonerMs: () => deps.store.schedules.nextTickMs(),
      wokenBy: 'millrace_schedules',
    }),
    role(deps, options, {
      name: 'limited-jobs',
      everyMs: Math.min(tickMs, MAX_PAUSE_MS),
      // Again until nobody is admitted: a round looks at a part of each line.
      work: async () => ((await admitLimitedJobs(deps, BATCH)) > 0 ? BATCH : 0),
      soonerMs: () => deps.store.nextAdmissionMs(),
      wokenBy: 'millrace_limits',
    }),
    role(deps, options, { name: 'stale-leases', everyMs: tickMs, work: () => reclaimStaleJobs(deps, BATCH) }),
    role(deps, options, {
      name: 'polled-jobs',
      everyMs: MODE_CHANGE_MS,
      work: () => dispatchPolledJobs(deps, BATCH),
      wokenBy: 'millrace_mode',
    }),
    role(deps, options, {
      name: 'lost-dispatches',
      everyMs: sweepMs,
      work: () =>
        redispatchLostJobs(deps, {
          olderThanMs: lostAfterMs,
          limit: BATCH,
          backlogsMs: options.backlogs?.(MAX_BACKLOGS * lostAfterMs),
        }),
    }),
    ...(retention ? [retentionRole(deps, options, retention)] : []),
  ];
}

function retentionRole(deps: EngineDeps, options: LeaderRoleOptions, retention: Retention): LeaderRole {
  let lastedMs = 0;
  return role(deps, options, {
    name: 'retention',
    everyMs: SWEEP_MS,
    soonestMs: () => lastedMs / SWEEP_SHARE,
    async work(signal) {
      const begun = deps.clock.now().getTime();
      const removed = await sweepEnded(deps, retention, signal);
      lastedMs = deps.clock.now().getTime() - begun;
      if (removed > 0) options.logger.info('what had ended long ago was removed', { rows: removed });
      return 0;
    },
  });
}

interface Routine {
  readonly name: string;
  readonly everyMs: number;
  /** @returns how much it did; a full batch means that there may be more, at once */
  readonly work: (signal: AbortSignal) => Promise<number>;
  /** How much a full batch is. */
  readonly full?: number;
  /** When there will be work, if that is known, in milliseconds from now. */
  readonly soonerMs?: () => Promise<number | undefined>;
  /** The least pause, in milliseconds. */
  readonly soonestMs?: () => number;
  readonly wokenBy?: WakeupChannel;
}

function role(deps: EngineDeps, options: LeaderRoleOptions, routine: Routine): LeaderRole {
  const { logger, wakeups } = options;
  return {
    name: routine.name,
    async run(signal) {
      const { wokenBy } = routine;
      const sleeper = (wokenBy && wakeups?.listen(wokenBy, signal)) ?? deps.clock;
      let failures = 0;
      while (!signal.aborted) {
        const pauseMs = await workAndPause(routine, signal).catch((error: unknown) => {
          failures += 1;
          logger.error('a leader role failed and will try again', { role: routine.name, failures, error });
          return undefined;
        });
        if (pauseMs !== undefined) failures = 0;
        if (pauseMs === 0) continue;
        // A failure is not slept off by a wake-up: it would come again at once.
        if (pauseMs !== undefined) await sleeper.sleep(pauseMs, signal);
        else await deps.clock.sleep(Math.min(routine.everyMs * 2 ** failures, MAX_PAUSE_MS), signal);
      }
    },
  };
}

/** @returns how long to rest then, in milliseconds */
async function workAndPause(routine: Routine, signal: AbortSignal): Promise<number> {
  const { everyMs, work, soonerMs, soonestMs, full = BATCH } = routine;
  if ((await work(signal)) === full) return 0;
  const sooner = (await soonerMs?.()) ?? everyMs;
  return Math.max(1, soonestMs?.() ?? 0, Math.min(everyMs, Math.ceil(sooner)));
}
