import { fingerprint } from '../commands/enqueue-jobs.ts';
import type { EngineDeps } from '../deps.ts';
import { type JobPolicy, limitsOf, uniqueOf } from '../job-policy.ts';
import { newJob } from '../new-job.ts';
import { dueTicks, type ScheduleRecord } from '../schedule.ts';

/** Enqueues the jobs of the schedules whose time has come. @returns how many schedules were due */
export async function tickSchedules(deps: EngineDeps, limit: number): Promise<number> {
  const { schedules, now } = await deps.store.schedules.due(limit);
  if (schedules.length === 0) return 0;
  const policies = new Map((await deps.store.listPolicies()).map(({ type, policy }) => [type, policy]));
  for (const schedule of schedules) {
    const { run, next } = dueTicks(schedule, now, deps.cron);
    await deps.store.schedules.tick({
      name: schedule.name,
      expectedRevision: schedule.revision,
      nextRunAt: next,
      lastRunAt: run.at(-1),
      jobs: run.map((tick) => jobOfTick(deps, { schedule, tick, policy: policies.get(schedule.type) })),
    });
  }
  return schedules.length;
}

interface Tick {
  readonly schedule: ScheduleRecord;
  readonly tick: Date;
  readonly policy: JobPolicy | undefined;
}

/**
 * The key says where the job comes from, and is the second guard that a tick is enqueued once. Unlike the key of a client it
 * is no promise of an answer, so that a unique key stands beside it: a tick is left out while another job has that.
 */
function jobOfTick(deps: EngineDeps, { schedule, tick, policy = {} }: Tick) {
  const { type, payload, maxRetries, priority } = schedule;
  const request = {
    type,
    payload,
    maxRetries,
    priority,
    retry: schedule.retry ?? undefined,
    partitionKey: schedule.partitionKey ?? undefined,
    idempotencyKey: `schedule/${schedule.name}/${tick.toISOString()}`,
  };
  return newJob(deps, {
    ...request,
    limits: limitsOf(request, policy),
    unique: uniqueOf(request, policy),
    requestHash: deps.hash(fingerprint(request)),
  });
}
