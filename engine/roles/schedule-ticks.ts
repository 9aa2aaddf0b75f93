import type { StepId } from '../../events/ids.ts';
import { fingerprint } from '../commands/enqueue-jobs.ts';
import { scheduledInstances } from '../commands/schedules.ts';
import type { NewInstance } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { isMillraceError } from '../errors.ts';
import { type JobPolicy, limitsOf, uniqueOf } from '../job-policy.ts';
import { newJob } from '../new-job.ts';
import type { Logger } from '../ports/logger.ts';
import { dueTicks, type ScheduleRecord } from '../schedule.ts';

/**
 * Enqueues the jobs of the schedules whose time has come. One whose workflow cannot be started goes on to its next tick: the
 * others, which may be of other tenants, must not wait for it to be mended.
 * @returns how many schedules were due
 */
export async function tickSchedules(deps: EngineDeps, limit: number, logger: Logger): Promise<number> {
  const { schedules, now } = await deps.store.schedules.due(limit);
  if (schedules.length === 0) return 0;
  const cron = await deps.cron();
  const policies = new Map((await deps.store.listPolicies()).map(({ type, policy }) => [type, policy]));
  for (const schedule of schedules) {
    const { run, next } = dueTicks(schedule, now, cron);
    const { name, tenant, revision: expectedRevision } = schedule;
    const made = await madeBy(deps, schedule, { ticks: run, policies }).catch((error: unknown) => {
      if (!isMillraceError(error) || error.retryable) throw error;
      logger.error('a schedule could not start its workflow', { schedule: name, tenant, error });
      return undefined;
    });
    const at = { name, tenant, expectedRevision, nextRunAt: next };
    await deps.store.schedules.tick({ ...at, ...(made ? { ...made, lastRunAt: run.at(-1) } : nothing) });
  }
  return schedules.length;
}

const nothing = { jobs: [], instances: [] };

interface Ticks {
  readonly ticks: readonly Date[];
  readonly policies: ReadonlyMap<StepId, JobPolicy>;
}

async function madeBy(deps: EngineDeps, schedule: ScheduleRecord, { ticks, policies }: Ticks) {
  const { type, definition } = schedule;
  if (type !== null) {
    const own = { ...schedule, type };
    const policy = policies.get(type);
    return { jobs: ticks.map((tick) => jobOfTick(deps, { schedule: own, tick, policy })), instances: [] };
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

interface Tick {
  readonly schedule: ScheduleRecord & { readonly type: StepId };
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
    idempotencyKey: keyOf(schedule, tick),
  };
  return newJob(deps, {
    ...request,
    limits: limitsOf(request, policy),
    unique: uniqueOf(request, policy),
    requestHash: deps.hash(fingerprint(request)),
  });
}
