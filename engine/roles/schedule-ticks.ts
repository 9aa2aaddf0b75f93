import type { StepId } from '../../events/ids.ts';
import { fingerprint } from '../commands/enqueue-jobs.ts';
import { scheduledInstances } from '../commands/schedules.ts';
import type { NewInstance } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { newJob } from '../new-job.ts';
import { dueTicks, type ScheduleRecord } from '../schedule.ts';

/** Enqueues the jobs of the schedules whose time has come. @returns how many schedules were due */
export async function tickSchedules(deps: EngineDeps, limit: number): Promise<number> {
  const { schedules, now } = await deps.store.schedules.due(limit);
  for (const schedule of schedules) {
    const { run, next } = dueTicks(schedule, now, deps.cron);
    const made = await madeBy(deps, schedule, run);
    await deps.store.schedules.tick({
      ...made,
      name: schedule.name,
      expectedRevision: schedule.revision,
      nextRunAt: next,
      lastRunAt: run.at(-1),
    });
  }
  return schedules.length;
}

async function madeBy(deps: EngineDeps, schedule: ScheduleRecord, ticks: readonly Date[]) {
  const { type, definition } = schedule;
  if (type !== null) {
    return { jobs: ticks.map((tick) => jobOfTick(deps, { ...schedule, type }, tick)), instances: [] };
  }
  const instances: NewInstance[] = [];
  for (const tick of ticks) {
    // Its foreign id says where an instance comes from.
    const foreignId = keyOf(schedule, tick);
    instances.push(...(await scheduledInstances(deps, { ...schedule, definition }, foreignId)));
  }
  return { jobs: [], instances };
}

function keyOf({ name }: ScheduleRecord, tick: Date): string {
  return `schedule/${name}/${tick.toISOString()}`;
}

/** The key says where the job comes from, and is the second guard that a tick is enqueued once. */
function jobOfTick(deps: EngineDeps, schedule: ScheduleRecord & { readonly type: StepId }, tick: Date) {
  const { type, payload, maxRetries, priority } = schedule;
  const request = {
    type,
    payload,
    maxRetries,
    priority,
    retry: schedule.retry ?? undefined,
    partitionKey: schedule.partitionKey ?? undefined,
    idempotencyKey: keyOf(schedule, tick),
  };
  return newJob(deps, { ...request, requestHash: deps.hash(fingerprint(request)) });
}
