import { deepEqual, equal } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { aJob, aKeyedJob, enqueued, jobOf } from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

export const enqueueClause: Clause = {
  number: 1,
  title: 'enqueue writes each job once',
  checks: {
    'answers in the order of the jobs, and keeps each as it was sent': async ({ store }) => {
      const jobs = [aJob({ payload: '{"b":1, "a":12345678901234567890}' }), aJob({ priority: 7 })];
      deepEqual(await store.enqueue(jobs), [{ kind: 'created' }, { kind: 'created' }]);
      const [first, second] = await Promise.all(jobs.map(({ id }) => jobOf(store, id)));
      equal(first?.payload, '{"b":1, "a":12345678901234567890}');
      equal(second?.priority, 7);
      equal(first?.attempt, 0);
    },
    'writes nothing for a known key and answers with the first job': async ({ store }) => {
      const first = await enqueued(store, aKeyedJob('key', 'same'));
      const repeat = aKeyedJob('key', 'same');
      const [outcome] = await store.enqueue([repeat]);
      equal(outcome?.kind === 'replayed' && outcome.job.id, first.id);
      deepEqual(await store.getJobs([repeat.id]), []);
    },
    'answers a known key with another request by a conflict that names the first job': async ({ store }) => {
      const first = await enqueued(store, aKeyedJob('key', 'one'));
      const other = aKeyedJob('key', 'two');
      deepEqual(await store.enqueue([other]), [{ kind: 'conflict', jobId: first.id }]);
      deepEqual(await store.getJobs([other.id]), []);
    },
    'answers a replay with the job as it stands now': async ({ store }) => {
      const first = await enqueued(store, aKeyedJob('key', 'same'));
      await store.claim({ ids: [first.id], claimId: randomUUID(), workerId: 'worker-1', leaseMs: 60_000 });
      const [outcome] = await store.enqueue([aKeyedJob('key', 'same')]);
      equal(outcome?.kind === 'replayed' && outcome.job.status, 'running');
    },
    'writes one of two jobs with the same key in one call': async ({ store }) => {
      const outcomes = await store.enqueue([aKeyedJob('key', 'same'), aKeyedJob('key', 'same')]);
      deepEqual(outcomes.map(({ kind }) => kind).sort(), ['created', 'replayed']);
    },
    'creates once when many calls come with one key at the same time': async ({ store }) => {
      const jobs = Array.from({ length: 12 }, () => aKeyedJob('key', 'same'));
      const outcomes = (await Promise.all(jobs.map((job) => store.enqueue([job])))).flat();
      equal(outcomes.filter(({ kind }) => kind === 'created').length, 1);
      equal(outcomes.filter(({ kind }) => kind === 'replayed').length, 11);
      equal((await store.getJobs(jobs.map(({ id }) => id))).length, 1);
    },
  },
};

export const allOrNoneClause: Clause = {
  number: 2,
  title: 'enqueue with allOrNone writes nothing when one job conflicts',
  checks: {
    'writes all when none conflicts': async ({ store }) => {
      const jobs = [aKeyedJob('a', 'x'), aJob(), aKeyedJob('b', 'x')];
      const outcomes = await store.enqueue(jobs, { allOrNone: true });
      deepEqual(
        outcomes,
        jobs.map(() => ({ kind: 'created' })),
      );
      equal((await store.getJobs(jobs.map(({ id }) => id))).length, 3);
    },
    'writes none of the others when one conflicts': async ({ store }) => {
      const first = await enqueued(store, aKeyedJob('taken', 'one'));
      const jobs = [aJob(), aKeyedJob('taken', 'two'), aKeyedJob('free', 'x')];
      const outcomes = await store.enqueue(jobs, { allOrNone: true });
      deepEqual(outcomes, [
        { kind: 'not_written' },
        { kind: 'conflict', jobId: first.id },
        { kind: 'not_written' },
      ]);
      deepEqual(await store.getJobs(jobs.map(({ id }) => id)), []);
    },
    'leaves the keys of jobs it did not write free': async ({ store }) => {
      await enqueued(store, aKeyedJob('taken', 'one'));
      await store.enqueue([aKeyedJob('free', 'x'), aKeyedJob('taken', 'two')], { allOrNone: true });
      deepEqual(await store.enqueue([aKeyedJob('free', 'y')]), [{ kind: 'created' }]);
    },
    'takes a replay for no conflict': async ({ store }) => {
      await enqueued(store, aKeyedJob('known', 'same'));
      const outcomes = await store.enqueue([aJob(), aKeyedJob('known', 'same')], { allOrNone: true });
      deepEqual(
        outcomes.map(({ kind }) => kind),
        ['created', 'replayed'],
      );
    },
  },
};
