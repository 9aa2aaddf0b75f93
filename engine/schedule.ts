import type { StepId } from '../events/ids.ts';
import type { Cron } from './ports/cron.ts';
import type { RetrySettings } from './retry-policy.ts';

/**
 * What becomes of ticks that came while nothing could enqueue them: `skip` drops them, `run_once` makes one job of them,
 * for the latest, `run_all` makes a job of each, as far back as the schedule's limit goes.
 */
export const missedPolicies = ['skip', 'run_once', 'run_all'] as const;
export type MissedPolicy = (typeof missedPolicies)[number];

/** What a schedule enqueues, and when. */
export interface ScheduleDefinition {
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly missed: MissedPolicy;
  /** How many ticks `run_all` makes up for, the latest ones. */
  readonly missedLimit: number;
  /** Of the job; null where it starts a workflow. */
  readonly type: StepId | null;
  /** Id of the definition, whose latest version is started; null where it enqueues a job. */
  readonly definition: string | null;
  /** JSON text: the job's payload, or the workflow's input. */
  readonly payload: string;
  readonly maxRetries: number;
  readonly retry: RetrySettings | null;
  readonly priority: number;
  readonly partitionKey: string | null;
  readonly enabled: boolean;
}

export interface ScheduleRecord extends ScheduleDefinition {
  /** `config`: declared in a millrace.config.ts, which may change and remove it at a start. */
  readonly source: 'api' | 'config';
  /** Rises with every change and every tick. */
  readonly revision: number;
  /** Null while it is disabled. */
  readonly nextRunAt: Date | null;
  /** The tick of the latest job. */
  readonly lastRunAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Whose it is, and what it makes; absent where it is nobody's. */
  readonly tenant?: string | undefined;
}

export interface DueTicks {
  /** The ticks to make a job of, oldest first. */
  readonly run: readonly Date[];
  readonly next: Date | null;
}

/** A tick this late, in milliseconds, was not missed: a leader may have changed in between. */
export const MISSED_AFTER_MS = 60_000;

/** What a schedule that is due enqueues now, and when it is due again. */
export function dueTicks(schedule: ScheduleRecord, now: Date, cron: Cron): DueTicks {
  const { nextRunAt, missed, missedLimit } = schedule;
  const next = cron.next(schedule, now) ?? null;
  if (!nextRunAt || nextRunAt > now) return { run: [], next: nextRunAt };
  const latest = cron.latest(schedule, now, missed === 'run_all' ? missedLimit : 1);
  const open = latest.filter((tick) => tick >= nextRunAt).reverse();
  const inTime = (tick: Date) => now.getTime() - tick.getTime() <= MISSED_AFTER_MS;
  return { run: missed === 'skip' ? open.filter(inTime) : open, next };
}
