import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { NewJob } from '../../engine/commit.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { UniqueRule } from '../../engine/unique.ts';
import type { JobId, StepId } from '../../events/ids.ts';
import { aJob, claimOne, jobOf, unitFor } from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

const HOUR_MS = 3_600_000;

function aUniqueJob(rule: Partial<UniqueRule> = {}, overrides: Partial<NewJob> = {}): NewJob {
  return aJob({ ...overrides, unique: { key: 'k', mode: 'drop', ...rule } });
}

function aPendingJob(rule: Partial<UniqueRule>, payload = '{}'): NewJob {
  return aUniqueJob(rule, { payload, status: 'pending', runAt: new Date(Date.now() + HOUR_MS) });
}

async function enqueue(store: RecordStore, job: NewJob): Promise<{ kind: string; id: JobId | undefined }> {
  const [outcome] = await store.enqueue([job]);
  const id = outcome?.kind === 'joined' ? outcome.job.id : job.id;
  return { kind: outcome?.kind ?? 'none', id };
}

async function open(store: RecordStore): Promise<string[]> {
  const jobs = await store.listJobs({ limit: 100 });
  return jobs.filter(({ completedAt }) => completedAt === null).map(({ id }) => id);
}

async function cancel(store: RecordStore, id: JobId): Promise<void> {
  const { status, attempt } = await jobOf(store, id);
  await store.commit({ units: [unitFor({ id, expect: { status, attempt }, status: 'cancelled' })] });
}

export const uniqueClause: Clause = {
  number: 16,
  title: 'a unique key has one open job that has not begun',
  checks: {
    'drop writes one of many that ask at once, and answers the others with it': async ({ store }) => {
      const jobs = Array.from({ length: 20 }, () => aUniqueJob());
      const outcomes = await Promise.all(jobs.map((job) => enqueue(store, job)));
      const created = outcomes.filter(({ kind }) => kind === 'created');
      equal(created.length, 1);
      ok(outcomes.every(({ id }) => id === created[0]?.id));
      deepEqual(await open(store), [created[0]?.id]);
    },
    'drop answers with a job that runs, and writes anew once it has ended': async ({ store }) => {
      const first = aUniqueJob();
      await enqueue(store, first);
      await claimOne(store, first.id);
      deepEqual(await enqueue(store, aUniqueJob()), { kind: 'joined', id: first.id });
      await cancel(store, first.id);
      equal((await enqueue(store, aUniqueJob())).kind, 'created');
    },
    'a key is one of its type': async ({ store }) => {
      await enqueue(store, aUniqueJob());
      equal((await enqueue(store, aUniqueJob({}, { type: 'another' as StepId }))).kind, 'created');
      equal((await enqueue(store, aUniqueJob({ key: 'l' }))).kind, 'created');
    },
    'replace gives a job that is not due yet the new payload and time': async ({ store }) => {
      const first = aPendingJob({ mode: 'replace' }, '{"v":1}');
      await enqueue(store, first);
      const runAt = new Date(Date.now() + 2 * HOUR_MS);
      const second = { ...aPendingJob({ mode: 'replace' }, '{"v":2}'), runAt, priority: 7, maxRetries: 9 };
      deepEqual(await enqueue(store, second), { kind: 'joined', id: first.id });
      const { payload, runAt: due, priority, maxRetries } = await jobOf(store, first.id);
      deepEqual(
        { payload, due, priority, maxRetries },
        { payload: '{"v":2}', due: runAt, priority: 7, maxRetries: 9 },
      );
    },
    'replace cancels a queued job, which may be on its way, and writes the new one': async ({ store }) => {
      const [first, second] = [aUniqueJob({ mode: 'replace' }), aUniqueJob({ mode: 'replace' })];
      await enqueue(store, first);
      deepEqual(await enqueue(store, second), { kind: 'created', id: second.id });
      equal((await jobOf(store, first.id)).status, 'cancelled');
      deepEqual(await open(store), [second.id]);
      const [cancelled] = await store.listAudit({ jobId: first.id });
      equal(cancelled && JSON.parse(cancelled.detail).replaced_by, second.id);
    },
    'replace lets a job that runs go on, and the new one wait beside it': async ({ store }) => {
      const [first, second] = [aUniqueJob({ mode: 'replace' }), aUniqueJob({ mode: 'replace' })];
      await enqueue(store, first);
      const { token } = await claimOne(store, first.id);
      equal((await enqueue(store, second)).kind, 'created');
      deepEqual((await open(store)).sort(), [first.id, second.id].sort());
      const expect = { status: 'running', attempt: 1, token } as const;
      const retrying = unitFor({ id: first.id, expect, status: 'retrying', delayMs: HOUR_MS });
      deepEqual(await store.commit({ units: [retrying] }), ['applied']);
    },
    'replace of many at once leaves one that waits': async ({ store }) => {
      const jobs = Array.from({ length: 20 }, () => aUniqueJob({ mode: 'replace' }));
      await Promise.all(jobs.map((job) => enqueue(store, job)));
      equal((await open(store)).length, 1);
    },
    'debounce puts off the job that waits, with the newest payload, and not beyond the longest wait': async ({
      store,
    }) => {
      const rule = { mode: 'debounce', delayMs: 3 * HOUR_MS, maxWaitMs: 2 * HOUR_MS } as const;
      const first = aPendingJob(rule, '{"v":1}');
      await enqueue(store, first);
      const second = aPendingJob({ ...rule, maxWaitMs: undefined }, '{"v":2}');
      deepEqual(await enqueue(store, second), { kind: 'joined', id: first.id });
      const later = await jobOf(store, first.id);
      equal(later.payload, '{"v":2}');
      ok(later.runAt.getTime() > Date.now() + 2.5 * HOUR_MS, later.runAt.toISOString());
      await enqueue(store, aPendingJob(rule, '{"v":3}'));
      const bounded = await jobOf(store, first.id);
      equal(bounded.runAt.getTime(), first.createdAt.getTime() + 2 * HOUR_MS);
    },
    'debounce leaves a job whose time has come alone, and begins anew': async ({ store }) => {
      const first = aUniqueJob({ mode: 'debounce', delayMs: HOUR_MS });
      await enqueue(store, first);
      const second = await enqueue(store, aPendingJob({ mode: 'debounce', delayMs: HOUR_MS }));
      equal(second.kind, 'created');
      notEqual(second.id, first.id);
      equal((await jobOf(store, first.id)).status, 'queued');
    },
    'a job that is brought back does not claim a key that another has': async ({ store }) => {
      const first = aUniqueJob();
      await enqueue(store, first);
      await cancel(store, first.id);
      await enqueue(store, aUniqueJob());
      const expect = { status: 'cancelled', attempt: 0 } as const;
      const redrive = unitFor({ id: first.id, expect, status: 'queued', freshRetries: true });
      deepEqual(await store.commit({ units: [redrive] }), ['applied']);
      equal((await jobOf(store, first.id)).uniqueKey, null);
    },
  },
};
