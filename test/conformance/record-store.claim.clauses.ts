import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { aJob, claimed, claimOne, enqueued, jobOf, newId, unitFor } from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

/** A claim of its own each time it is called. */
function request() {
  return { claimId: randomUUID(), workerId: 'worker-1', leaseMs: 60_000 };
}

export const claimClause: Clause = {
  number: 3,
  title: 'claim gives a queued job to exactly one caller',
  checks: {
    'raises the attempt, gives a token and sets the lease': async ({ store }) => {
      const job = await claimed(store);
      equal(job.status, 'running');
      equal(job.attempt, 1);
      equal(job.workerId, 'worker-1');
      ok(job.token.length >= 32);
      ok((job.leaseUntil?.getTime() ?? 0) > job.createdAt.getTime());
      const stored = await jobOf(store, job.id);
      equal(stored.token, job.token);
    },
    'gives the job to one of many callers at the same time': async ({ store }) => {
      const { id } = await enqueued(store);
      const claims = await Promise.all(
        Array.from({ length: 12 }, () => store.claim({ ...request(), ids: [id] })),
      );
      equal(claims.flat().filter(({ kind }) => kind === 'claimed').length, 1);
      equal((await jobOf(store, id)).attempt, 1);
    },
    'gives each job once to callers with overlapping batches': async ({ store }) => {
      const jobs = Array.from({ length: 30 }, () => aJob());
      await store.enqueue(jobs);
      const ids = jobs.map(({ id }) => id);
      const claims = await Promise.all(
        [ids, [...ids].reverse(), ids.slice(10)].map((part) => store.claim({ ...request(), ids: part })),
      );
      equal(claims.flat().filter(({ kind }) => kind === 'claimed').length, 30);
    },
    'says what state another job is in, or that it is not there, in the order of the ids': async ({
      store,
    }) => {
      const running = await claimed(store);
      const pending = await enqueued(
        store,
        aJob({ status: 'pending', runAt: new Date(Date.now() + 60_000) }),
      );
      const queued = await enqueued(store);
      const outcomes = await store.claim({ ...request(), ids: [newId(), running.id, queued.id, pending.id] });
      deepEqual(outcomes[0], { kind: 'not_found' });
      deepEqual(outcomes[1], { kind: 'not_claimable', status: 'running', attempt: 1 });
      equal(outcomes[2]?.kind === 'claimed' && outcomes[2].job.id, queued.id);
      deepEqual(outcomes[3], { kind: 'not_claimable', status: 'pending', attempt: 0 });
    },
    'leaves a running job as it is': async ({ store }) => {
      const job = await claimed(store);
      await store.claim({ ...request(), ids: [job.id] });
      equal((await jobOf(store, job.id)).token, job.token);
    },
    'gives the same lease again to a claim that is repeated because its answer was lost': async ({
      store,
    }) => {
      const { id } = await enqueued(store);
      const claim = { ...request(), ids: [id] };
      const [first] = await store.claim(claim);
      const [again] = await store.claim(claim);
      ok(first?.kind === 'claimed' && again?.kind === 'claimed');
      equal(again.job.token, first.job.token);
      equal(again.job.attempt, 1);
      deepEqual((await jobOf(store, id)).leaseUntil, first.job.leaseUntil);
    },
    'gives a new token with each attempt': async ({ store }) => {
      const first = await claimed(store);
      const expect = { status: 'running', attempt: 1, token: first.token } as const;
      await store.commit({ units: [unitFor({ id: first.id, expect, status: 'retrying', delayMs: 0 })] });
      const retry = { status: 'retrying', attempt: 1 } as const;
      await store.commit({ units: [unitFor({ id: first.id, expect: retry, status: 'queued' })] });
      const second = await claimOne(store, first.id);
      equal(second.attempt, 2);
      notEqual(second.token, first.token);
    },
  },
};

export const heartbeatClause: Clause = {
  number: 6,
  title: 'heartbeat extends a lease only for the current token of a running job',
  checks: {
    'extends the lease that the token proves': async ({ store }) => {
      const job = await claimed(store, { leaseMs: 5_000 });
      const [outcome] = await store.heartbeat([job], 60_000);
      ok(outcome?.kind === 'extended');
      ok(outcome.leaseUntil.getTime() > (job.leaseUntil?.getTime() ?? Number.POSITIVE_INFINITY));
      deepEqual((await jobOf(store, job.id)).leaseUntil, outcome.leaseUntil);
    },
    'refuses another token, and leaves the lease': async ({ store }) => {
      const [job, other] = [await claimed(store), await claimed(store)];
      const outcomes = await store.heartbeat([{ id: job.id, token: other.token }], 600_000);
      deepEqual(outcomes, [{ kind: 'lost', status: 'running' }]);
      deepEqual((await jobOf(store, job.id)).leaseUntil, job.leaseUntil);
    },
    'says that a job which has ended is lost, and that an unknown one is not there': async ({ store }) => {
      const job = await claimed(store);
      await store.complete([{ ...job, result: 'null' }]);
      const outcomes = await store.heartbeat([job, { id: newId(), token: job.token }], 60_000);
      deepEqual(outcomes, [{ kind: 'lost', status: 'completed' }, { kind: 'not_found' }]);
      equal((await jobOf(store, job.id)).leaseUntil, null);
    },
  },
};
