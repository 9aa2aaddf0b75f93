import type { NewInstance } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { MillraceError } from '../errors.ts';
import { defined } from '../new-job.ts';
import type { ScheduleDefinition, ScheduleRecord } from '../schedule.ts';
import { isObjectText } from '../workflow/variables.ts';
import { type Enqueued, enqueueJob } from './enqueue-jobs.ts';
import { contention, MAX_ROUNDS } from './settle.ts';
import { prepareWorkflow } from './start-workflow.ts';

export type ScheduleChanges = Partial<Omit<ScheduleDefinition, 'name'>>;

/** @throws MillraceError `schedule_exists` */
export async function createSchedule(
  deps: EngineDeps,
  definition: ScheduleDefinition,
): Promise<ScheduleRecord> {
  const { name } = definition;
  if (definition.definition !== null) await scheduledInstances(deps, definition);
  const written = await deps.store.schedules.insert(await planned(deps, definition, 'api'));
  if (!written) throw scheduleExists(name);
  return getSchedule(deps, name);
}

/**
 * Changes what is given; the rest stays. A schedule that goes on after a pause, or at other times, is due next after now:
 * ticks of the pause were not missed.
 * @throws MillraceError `not_found`
 */
export async function changeSchedule(
  deps: EngineDeps,
  name: string,
  { actor, ...changes }: ScheduleChanges & { readonly actor: string },
): Promise<ScheduleRecord> {
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const current = await getSchedule(deps, name);
    const after = { ...current, ...changes };
    if (after.definition !== null) await scheduledInstances(deps, after);
    if (!(await apply(deps, current, { changes, source: current.source }))) continue;
    const fields = Object.keys(changes);
    const detail = {
      schedule: name,
      ...defined({ tenant: current.tenant }),
      fields,
      enabled: changes.enabled ?? null,
    };
    await deps.store.audit([{ action: 'SCHEDULE_CHANGED', actor, detail }]);
    return getSchedule(deps, name);
  }
  throw contention();
}

/** @throws MillraceError `not_found` */
export async function removeSchedule(deps: EngineDeps, name: string): Promise<void> {
  if (!(await deps.store.schedules.remove(name))) throw scheduleNotFound(name);
}

/** @throws MillraceError `not_found` */
export async function getSchedule(deps: EngineDeps, name: string): Promise<ScheduleRecord> {
  const schedule = await deps.store.schedules.get(name);
  if (!schedule) throw scheduleNotFound(name);
  return schedule;
}

/** Enqueues its job now, besides its ticks, also while it is paused. @throws MillraceError `not_found` */
export async function runSchedule(
  deps: EngineDeps,
  name: string,
  actor: string,
): Promise<Enqueued | { readonly kind: 'started'; readonly instance: NewInstance }> {
  const schedule = await getSchedule(deps, name);
  const { type, payload, maxRetries, priority, retry, partitionKey } = schedule;
  if (type === null) {
    const instances = await scheduledInstances(deps, schedule, `schedule/${name}`);
    await deps.store.start(instances);
    await deps.store.audit([
      { action: 'SCHEDULE_RUN', actor, instanceId: instances[0].id, detail: { schedule: name } },
    ]);
    return { kind: 'started', instance: instances[0] };
  }
  const rest = { retry: retry ?? undefined, partitionKey: partitionKey ?? undefined };
  const enqueued = await enqueueJob(deps, { type, payload, maxRetries, priority, ...rest });
  const detail = { schedule: name };
  await deps.store.audit([{ action: 'SCHEDULE_RUN', actor, jobId: enqueued.job.id, detail }]);
  return enqueued;
}

/** What an instance that a schedule starts writes. @throws MillraceError `invalid_request` or `not_found` */
export async function scheduledInstances(
  deps: EngineDeps,
  { name, definition, payload, tenant }: Scheduled,
  foreignId?: string,
): Promise<[NewInstance, ...NewInstance[]]> {
  if (!isObjectText(payload)) throw badSchedule(name, { field: 'input', message: 'is not an object' });
  const begun = await prepareWorkflow(
    deps,
    { definition: definition ?? '', input: payload, foreignId },
    (id, version) => deps.store.getDefinition(id, version, tenant),
  );
  if (Array.isArray(begun)) return begun;
  throw begun.kind === 'bad_input'
    ? badSchedule(name, { field: 'input', message: begun.reason })
    : badSchedule(name, { field: 'definition', message: `names "${begun.id}", which is not there` });
}

type Scheduled = Pick<ScheduleDefinition, 'name' | 'definition' | 'payload'> & Pick<ScheduleRecord, 'tenant'>;

/** A schedule as a millrace.config.ts declares it; without `enabled` a pause that somebody made stays. */
export type DeclaredSchedule = Omit<ScheduleDefinition, 'enabled'> & {
  readonly enabled?: boolean | undefined;
};

/**
 * Makes the schedules of a service what it declares. One that it declared before and no longer does is removed; it is known
 * by its job type or definition, which is the service's own, so that two services on one database leave each other's alone. A schedule of
 * the same name that was made through the API is taken over.
 */
export async function syncSchedules(
  deps: EngineDeps,
  { types, definitions = [], declared }: DeclaredBy,
): Promise<void> {
  const { schedules } = deps.store;
  for (const schedule of declared) await declare(deps, schedule);
  const names = new Set(declared.map(({ name }) => name));
  for (let after: string | undefined; ; ) {
    const page = await schedules.list({ after, limit: 500 });
    for (const { name, source, type, definition } of page) {
      const isOwn = type === null ? definitions.includes(definition ?? '') : types.includes(type);
      if (source === 'config' && isOwn && !names.has(name)) await schedules.remove(name);
    }
    after = page.at(-1)?.name;
    if (after === undefined) return;
  }
}

interface DeclaredBy {
  readonly types: readonly string[];
  readonly definitions?: readonly string[];
  readonly declared: readonly DeclaredSchedule[];
}

async function declare(deps: EngineDeps, declared: DeclaredSchedule): Promise<void> {
  const { schedules } = deps.store;
  if (declared.definition !== null) await scheduledInstances(deps, declared);
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const current = await schedules.get(declared.name);
    const enabled = declared.enabled ?? current?.enabled ?? true;
    const definition = { ...declared, enabled };
    if (!current) {
      if (await schedules.insert(await planned(deps, definition, 'config'))) return;
    } else if (current.source === 'config' && isSame(current, definition)) return;
    else if (await apply(deps, current, { changes: definition, source: 'config' })) return;
  }
  throw contention();
}

function isSame(current: ScheduleRecord, definition: ScheduleDefinition): boolean {
  const names = Object.keys(definition) as (keyof ScheduleDefinition)[];
  return names.every((name) => JSON.stringify(current[name]) === JSON.stringify(definition[name]));
}

async function apply(
  deps: EngineDeps,
  current: ScheduleRecord,
  { changes, source }: { readonly changes: ScheduleChanges; readonly source: ScheduleRecord['source'] },
): Promise<boolean> {
  const { revision, nextRunAt, lastRunAt: _, createdAt: __, updatedAt: ___, ...before } = current;
  const after = await planned(deps, { ...before, ...changes }, source);
  const sameTimes =
    before.enabled && after.enabled && before.cron === after.cron && before.timeZone === after.timeZone;
  return deps.store.schedules.update(sameTimes ? { ...after, nextRunAt } : after, revision);
}

async function planned(deps: EngineDeps, definition: ScheduleDefinition, source: ScheduleRecord['source']) {
  const cron = await deps.cron();
  const fault = cron.fault(definition);
  if (fault) throw badSchedule(definition.name, fault);
  const next = definition.enabled ? cron.next(definition, deps.clock.now()) : undefined;
  return { ...definition, source, nextRunAt: next ?? null };
}

function badSchedule(name: string, { field, message }: { readonly field: string; readonly message: string }) {
  const detail = { errors: [{ field, message }] };
  return new MillraceError(
    'invalid_request',
    `Schedule "${name}": ${field} ${message}. Nothing was written.`,
    {
      detail,
    },
  );
}

function scheduleExists(name: string): MillraceError {
  return new MillraceError(
    'schedule_exists',
    `There is a schedule "${name}" already. Nothing was written. Change it with PATCH, or take another name.`,
    { detail: { name } },
  );
}

function scheduleNotFound(name: string): MillraceError {
  return new MillraceError('not_found', `There is no schedule "${name}". Check the name.`, {
    detail: { name },
  });
}
