import { deepEqual, equal, ok } from 'node:assert/strict';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { NewSchedule } from '../../engine/ports/schedule-store.ts';
import type { ScheduleRecord } from '../../engine/schedule.ts';
import { aDispatchedJob, aJob, aKeyedJob, anInstance, enqueued, TYPE } from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

const HOUR_MS = 3_600_000;

function fromNow(ms: number): Date {
  return new Date(Date.now() + ms);
}

function aSchedule(overrides: Partial<NewSchedule> = {}): NewSchedule {
  return {
    name: 'nightly',
    cron: '30 2 * * *',
    timeZone: 'Europe/Berlin',
    missed: 'run_once',
    missedLimit: 10,
    type: TYPE,
    definition: null,
    payload: '{"b":1, "a":12345678901234567890}',
    maxRetries: 2,
    retry: { base_ms: 10 },
    priority: 3,
    partitionKey: 'p',
    enabled: true,
    source: 'api',
    nextRunAt: fromNow(-1_000),
    ...overrides,
  };
}

async function inserted(store: RecordStore, overrides: Partial<NewSchedule> = {}): Promise<ScheduleRecord> {
  const schedule = aSchedule(overrides);
  equal(await store.schedules.insert(schedule), true);
  return current(store, schedule.name);
}

async function current(store: RecordStore, name = 'nightly'): Promise<ScheduleRecord> {
  const schedule = await store.schedules.get(name);
  ok(schedule);
  return schedule;
}

function dueNames(store: RecordStore): Promise<string[]> {
  return store.schedules.due(10).then(({ schedules }) => schedules.map(({ name }) => name));
}

export const scheduleClause: Clause = {
  number: 15,
  title: 'schedules change and tick at the revision that was read, each tick with its jobs',
  checks: {
    'keeps a schedule as it was given': async ({ store }) => {
      const schedule = aSchedule();
      const { revision, lastRunAt, createdAt: _, updatedAt: __, ...kept } = await inserted(store, schedule);
      deepEqual(kept, schedule);
      deepEqual({ revision, lastRunAt }, { revision: 1, lastRunAt: null });
    },
    'writes one of many schedules of one name': async ({ store }) => {
      const writes = Array.from({ length: 8 }, () => store.schedules.insert(aSchedule()));
      equal((await Promise.all(writes)).filter(Boolean).length, 1);
    },
    'changes only what nobody has changed since it was read': async ({ store }) => {
      const { revision } = await inserted(store);
      equal(await store.schedules.update(aSchedule({ cron: '0 3 * * *' }), revision), true);
      equal(await store.schedules.update(aSchedule({ cron: '0 4 * * *' }), revision), false);
      equal((await current(store)).cron, '0 3 * * *');
    },
    'lists by name, in pages, and forgets what is removed': async ({ store }) => {
      for (const name of ['b', 'Z', 'a']) await inserted(store, { name });
      const names = async (after?: string) =>
        (await store.schedules.list({ after, limit: 2 })).map(({ name }) => name);
      deepEqual([await names(), await names('a')], [['Z', 'a'], ['b']]);
      deepEqual([await store.schedules.remove('a'), await store.schedules.remove('a')], [true, false]);
      deepEqual(await names(), ['Z', 'b']);
    },
    'finds what is due, and neither what is not nor what is paused': async ({ store }) => {
      await inserted(store, { name: 'due' });
      await inserted(store, { name: 'later', nextRunAt: fromNow(HOUR_MS) });
      await inserted(store, { name: 'paused', enabled: false, nextRunAt: null });
      deepEqual(await dueNames(store), ['due']);
    },
    'knows how long it is until the next tick': async ({ store }) => {
      equal(await store.schedules.nextTickMs(), undefined);
      await inserted(store, { name: 'later', nextRunAt: fromNow(HOUR_MS) });
      const ms = (await store.schedules.nextTickMs()) ?? 0;
      ok(ms > HOUR_MS / 2 && ms <= HOUR_MS + 5_000, String(ms));
      await inserted(store);
      equal(await store.schedules.nextTickMs(), 0);
    },
    'enqueues a tick once, whatever number of leaders asks for it': async ({ store, outbox }) => {
      const { name, revision } = await inserted(store);
      const [nextRunAt, lastRunAt] = [fromNow(HOUR_MS), fromNow(-1_000)];
      const ticks = Array.from({ length: 8 }, () =>
        store.schedules.tick({
          name,
          expectedRevision: revision,
          nextRunAt,
          lastRunAt,
          jobs: [aDispatchedJob()],
          instances: [],
        }),
      );
      equal((await Promise.all(ticks)).filter(Boolean).length, 1);
      equal((await store.listJobs({ limit: 10 })).length, 1);
      equal((await outbox()).length, 1);
      const ticked = await current(store);
      deepEqual([ticked.nextRunAt, ticked.lastRunAt], [nextRunAt, lastRunAt]);
      deepEqual(await dueNames(store), []);
    },
    'advances past a tick that is enqueued already, and keeps the last run when nothing ran': async ({
      store,
    }) => {
      const { name, revision } = await inserted(store);
      await enqueued(store, aKeyedJob('tick', 'same'));
      const tick = { name, nextRunAt: fromNow(HOUR_MS), jobs: [aKeyedJob('tick', 'same')], instances: [] };
      equal(await store.schedules.tick({ ...tick, expectedRevision: revision }), true);
      equal((await store.listJobs({ limit: 10 })).length, 1);
      equal((await current(store)).lastRunAt, null);
    },
    'enqueues nothing for a schedule that was paused or removed meanwhile': async ({ store }) => {
      const { name } = await inserted(store, { enabled: false, nextRunAt: null });
      const tick = {
        name,
        expectedRevision: 1,
        nextRunAt: fromNow(HOUR_MS),
        jobs: [aJob()],
        instances: [anInstance()],
      };
      equal(await store.schedules.tick(tick), false);
      await store.schedules.remove(name);
      equal(await store.schedules.tick(tick), false);
      deepEqual(await store.listJobs({ limit: 10 }), []);
      deepEqual(await store.listInstances({ limit: 10 }), []);
    },
    'starts the instances of a tick with its advance, once': async ({ store }) => {
      const { name, revision } = await inserted(store, { type: null, definition: 'a', payload: '{}' });
      equal((await current(store)).definition, 'a');
      const ticks = Array.from({ length: 4 }, () =>
        store.schedules.tick({
          ...{ name, expectedRevision: revision, nextRunAt: fromNow(HOUR_MS), jobs: [] },
          instances: [anInstance()],
        }),
      );
      equal((await Promise.all(ticks)).filter(Boolean).length, 1);
      equal((await store.listInstances({ limit: 10 })).length, 1);
    },
  },
};
