import { deepEqual, equal, ok } from 'node:assert/strict';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { aJob, anInstance, cancelInstance, claimed, enqueued, jobOf } from './record-store.fixtures.ts';
import { deadLetter, runningInstance } from './record-store.lifecycle.clauses.ts';
import type { Clause } from './record-store.suite.ts';

const HOUR_MS = 3_600_000;

export const purgeClause: Clause = {
  number: 13,
  title: 'purges remove what ended long enough ago, and nothing open',
  checks: {
    'remove ended jobs by kind, a step of the walk at a time': async ({ store }) => {
      const open = [await enqueued(store), await claimed(store)];
      const done = [await completed(store), await completed(store), await completed(store)];
      const dead = await deadLetter(store);
      const held = async () => (await store.getJobs([...open, ...done, dead].map(({ id }) => id))).length;
      await walk((after) =>
        store.purgeJobs({ completedMs: HOUR_MS, failedMs: HOUR_MS }, { after, limit: 2 }),
      );
      equal(await held(), 6);
      await gone(store, (after) => store.purgeJobs({ completedMs: 0 }, { after, limit: 2 }), done);
      equal(await held(), 3);
      await gone(store, (after) => store.purgeJobs({ failedMs: 0 }, { after, limit: 2 }), [dead]);
      equal(await held(), 2);
    },
    'never look at more than they are told': async ({ store }) => {
      for (let n = 0; n < 3; n += 1) await completed(store);
      await waitFor(async () => (await store.purgeJobs({ completedMs: 0 }, { limit: 1 })).removed === 1, {
        within: 5_000,
      });
      equal((await store.listJobs({ limit: 10 })).length, 2);
    },
    'remove an instance with all its jobs, and no job of another': async ({ store }) => {
      const running = await runningInstance(store);
      const over = await runningInstance(store);
      await cancelInstance(store, { id: over.id, expectedVersion: 1, actor: 'a' });
      const later = await completed(store);
      await gone(store, (after) => store.purgeJobs({ completedMs: 0 }, { after, limit: 10 }), [later]);
      equal((await jobOf(store, over.jobId)).status, 'cancelled');
      const purge = (after: string | undefined) =>
        store.purgeInstances({ completedMs: 0 }, { after, limit: 10 });
      await gone(store, purge, [{ id: over.jobId }]);
      equal(await store.getInstance(over.id), undefined);
      equal((await jobOf(store, running.jobId)).status, 'running');
    },
    'remove a definition that came with instances with the last of them': async ({ store }) => {
      const [first, last] = [await runningInstance(store), await runningInstance(store)];
      const { id } = anInstance().definition;
      for (const over of [first, last]) {
        ok(await store.getDefinition(id));
        await cancelInstance(store, { id: over.id, expectedVersion: 1, actor: 'a' });
        const purge = (after: string | undefined) =>
          store.purgeInstances({ completedMs: 0 }, { after, limit: 10 });
        await gone(store, purge, [{ id: over.jobId }]);
      }
      equal(await store.getDefinition(id), undefined);
      await runningInstance(store);
      ok(await store.getDefinition(id));
    },
    'remove the trail that is older, and leave the rest': async ({ store }) => {
      const { id } = await enqueued(store);
      await store.audit([{ action: 'REDISPATCHED', actor: 'a', jobId: id }]);
      equal(await store.purgeTrail(HOUR_MS, 10), 0);
      await waitFor(async () => (await store.purgeTrail(0, 10)) === 1, { within: 5_000 });
      deepEqual(await store.listAudit({ jobId: id }), []);
    },
    'and the next due time is known, for whoever sleeps until then': async ({ store }) => {
      await enqueued(store);
      equal(await store.nextDueMs(), undefined);
      await enqueued(store, aJob({ status: 'pending', runAt: new Date(Date.now() + 2 * HOUR_MS) }));
      await enqueued(store, aJob({ status: 'pending', runAt: new Date(Date.now() + HOUR_MS) }));
      const next = await store.nextDueMs();
      ok(next !== undefined && next > HOUR_MS / 2 && next <= HOUR_MS);
      await enqueued(store, aJob({ status: 'pending', runAt: new Date(Date.now() - HOUR_MS) }));
      equal(await store.nextDueMs(), 0);
    },
  },
};

export const instanceListClause: Clause = {
  number: 14,
  title: 'instances are listed newest first, as described',
  checks: {
    'meets each once, page by page': async ({ store }) => {
      const instances = Array.from({ length: 5 }, () => anInstance());
      await store.start(instances);
      const ids = instances.map(({ id }) => id).sort();
      const first = await store.listInstances({ limit: 3 });
      const second = await store.listInstances({ limit: 3, before: first.at(-1)?.id });
      deepEqual(
        [...first, ...second].map(({ id }) => id),
        ids.reverse(),
      );
      deepEqual([first[0]?.totalSteps, first[0]?.status, first[0]?.currentStep], [2, 'running', 0]);
    },
    'filters by state, name and foreign id': async ({ store }) => {
      const [plain, named, foreign] = [
        anInstance(),
        { ...anInstance(), name: 'other' },
        { ...anInstance(), foreignId: 'f' },
      ];
      await store.start([plain, named, foreign]);
      await cancelInstance(store, { id: plain.id, expectedVersion: 1, actor: 'a' });
      const ids = async (filter: Omit<Parameters<RecordStore['listInstances']>[0], 'limit'>) =>
        (await store.listInstances({ ...filter, limit: 9 })).map(({ id }) => id);
      deepEqual(await ids({ status: 'cancelled' }), [plain.id]);
      deepEqual(await ids({ name: 'other' }), [named.id]);
      deepEqual(await ids({ foreignId: 'f', status: 'running' }), [foreign.id]);
      deepEqual(await ids({ foreignId: 'f', name: 'other' }), []);
    },
  },
};

async function completed(store: RecordStore) {
  const job = await claimed(store);
  await store.complete([{ ...job, result: '1' }]);
  return { id: job.id };
}

type Step = (after: string | undefined) => ReturnType<RecordStore['purgeJobs']>;

async function walk(step: Step): Promise<void> {
  for (let after: string | undefined; ; ) {
    after = (await step(after)).next;
    if (after === undefined) return;
  }
}

/** Ids are in order of the clock of whoever made them: what was made in this very millisecond goes in a later walk. */
function gone(store: RecordStore, step: Step, jobs: readonly { readonly id: JobId }[]): Promise<unknown> {
  return waitFor(
    async () => {
      await walk(step);
      return (await store.getJobs(jobs.map(({ id }) => id))).length === 0;
    },
    { within: 5_000, what: 'the purge' },
  );
}
