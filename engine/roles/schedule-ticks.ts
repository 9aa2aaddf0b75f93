import { fingerprint } from '../commands/enqueue-jobs.ts';
import type { EngineDeps } from '../deps.ts';
import { newJob } from '../new-job.ts';
import { dueTicks, type ScheduleRecord } from '../schedule.ts';

/** Enqueues the jobs of the schedules whose time has come. @returns how many schedules were due */
export async function tickSchedules(deps: EngineDeps, limit: number): Promise<number> {
  const { schedules, now } = await deps.store.schedules.due(limit);
  for (const schedule of schedules) {
    const { run, next } = dueTicks(schedule, now, deps.cron);
    await deps.store.schedules.tick({
      name: schedule.name,
      expectedRevision: schedule.revision,
      nextRunAt: next,
      lastRunAt: run.at(-1),
      jobs: run.map((tick) => jobOfTick(deps, schedule, tick)),
    });
  }
  return schedules.length;
}

/** The key says where the job comes from, and is the second guard that a tick is enqueued once. */
function jobOfTick(deps: EngineDeps, schedule: ScheduleRecord, tick: Date) {
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
  return newJob(deps, { ...request, requestHash: deps.hash(fingerprint(request)) });
}
