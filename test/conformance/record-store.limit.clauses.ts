import { deepEqual, equal, ok } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { NewJob } from '../../engine/commit.ts';
import type { JobRecord } from '../../engine/job.ts';
import { admitted, type JobLimits } from '../../engine/limits.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { aJob, claimOne, jobOf, TYPE, unitFor } from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

const HOUR_MS = 3_600_000;

async function waiting(
  store: RecordStore,
  limits: JobLimits,
  overrides: Partial<NewJob> = {},
): Promise<JobId> {
  const job = aJob({ status: 'pending', runAt: new Date(Date.now() - 1_000), limits, ...overrides });
  await store.enqueue([job]);
  return job.id;
}

function queueUnit({ id, status, attempt }: JobRecord) {
  return unitFor({ id, expect: { status, attempt }, status: 'queued' });
}

function admit(store: RecordStore, limit = 100): Promise<number> {
  return store.admit(limit, (jobs, usage) => admitted(jobs, usage).map(queueUnit));
}

/** All that can be let in. */
async function admitAll(store: RecordStore): Promise<number> {
  let count = 0;
  for (let more = await admit(store); more > 0; more = await admit(store)) count += more;
  return count;
}

async function queued(store: RecordStore): Promise<JobId[]> {
  const jobs = await store.listJobs({ status: 'queued', limit: 1000 });
  return jobs.map(({ id }) => id).sort();
}

const one = { concurrency: { key: 'c', limit: 1 } };

export const limitClause: Clause = {
  number: 17,
  title: 'admission counts what is queued, runs, or has started, and gives each line its turn',
  checks: {
    'keeps the limits of a job': async ({ store }) => {
      const limits = { concurrency: { key: 'c', limit: 2 }, rate: { key: 'r', limit: 3, per_seconds: 60 } };
      const id = await waiting(store, limits);
      deepEqual((await jobOf(store, id)).limits, limits);
    },
    'is the only one to see jobs with limits': async ({ store }) => {
      const id = await waiting(store, one);
      deepEqual(await store.dueJobs(10), []);
      equal(await store.nextDueMs(), undefined);
      equal(await admitAll(store), 1);
      deepEqual(await queued(store), [id]);
    },
    'does not count a start that was undone': async ({ store }) => {
      const rate = { rate: { key: 'undone', limit: 1, per_seconds: 3600 } };
      const first = await waiting(store, rate);
      await admitAll(store);
      const poll = { types: [TYPE], limit: 1, payloadBytes: 1_000, workerId: 'w', leaseMs: 60_000 };
      await store.giveBack(await store.poll({ ...poll, claimId: randomUUID() }));
      await store.commit({
        units: [unitFor({ id: first, expect: { status: 'queued', attempt: 0 }, status: 'cancelled' })],
      });
      const second = await waiting(store, rate);
      await admitAll(store);
      deepEqual(await queued(store), [second]);
    },
    'lets in as many as there are places, those of the highest priority first and the oldest of these':
      async ({ store }) => {
        const two = { concurrency: { key: 'c', limit: 2 } };
        const first = await waiting(store, two);
        await waiting(store, two);
        const urgent = await waiting(store, two, { priority: 5 });
        equal(await admitAll(store), 2);
        deepEqual(await queued(store), [first, urgent].sort());
      },
    'counts the place of a job until it is neither queued nor running': async ({ store }) => {
      const [first, second] = [await waiting(store, one), await waiting(store, one)];
      await admitAll(store);
      equal(await admitAll(store), 0);
      const { token } = await claimOne(store, first);
      equal(await admitAll(store), 0);
      await store.complete([{ id: first, token, result: 'null' }]);
      equal(await admitAll(store), 1);
      deepEqual(await queued(store), [second]);
    },
    'frees the place of an attempt that failed, and lets its job stand in line again': async ({ store }) => {
      const [first, second] = [await waiting(store, one), await waiting(store, one)];
      await admitAll(store);
      const { token } = await claimOne(store, first);
      const expect = { status: 'running', attempt: 1, token } as const;
      await store.commit({ units: [unitFor({ id: first, expect, status: 'retrying', delayMs: 0 })] });
      equal(await admitAll(store), 1);
      const [now] = await queued(store);
      ok(now === first || now === second);
      equal((await store.listJobs({ status: 'queued', limit: 10 })).length, 1);
    },
    'passes over what is not due yet, and knows when it will be': async ({ store }) => {
      equal(await store.nextAdmissionMs(), undefined);
      await waiting(store, one, { runAt: new Date(Date.now() + HOUR_MS) });
      equal(await admitAll(store), 0);
      const ms = (await store.nextAdmissionMs()) ?? 0;
      ok(ms > HOUR_MS / 2 && ms <= HOUR_MS + 5_000, String(ms));
    },
    'keeps no line waiting for another': async ({ store }) => {
      for (let line = 0; line < 12; line += 1) {
        const limits = { concurrency: { key: `line-${line}`, limit: 1 } };
        for (let job = 0; job < 3; job += 1) await waiting(store, limits);
      }
      let count = 0;
      // Fewer at a time than there are lines: those that are full must not come first again and again.
      for (let more = await admit(store, 5); more > 0; more = await admit(store, 5)) count += more;
      equal(count, 12);
    },
    'starts no more than the rate in its span, also those that are over, and counts what has yet to start':
      async ({ store }) => {
        const rate = { rate: { key: 'r', limit: 2, per_seconds: 3_600 } };
        const first = await waiting(store, rate);
        for (let index = 0; index < 3; index += 1) await waiting(store, rate);
        equal(await admitAll(store), 2);
        const { token } = await claimOne(store, first);
        await store.complete([{ id: first, token, result: 'null' }]);
        equal(await admitAll(store), 0);
        const ms = (await store.nextAdmissionMs()) ?? 0;
        ok(ms > HOUR_MS / 2 && ms <= HOUR_MS + 5_000, String(ms));
      },
    'counts each start of one job against the rate': async ({ store }) => {
      const rate = { rate: { key: 'r', limit: 2, per_seconds: 3_600 } };
      const id = await waiting(store, rate);
      for (const attempt of [1, 2]) {
        equal(await admitAll(store), 1);
        const { token } = await claimOne(store, id);
        const expect = { status: 'running', attempt, token } as const;
        await store.commit({ units: [unitFor({ id, expect, status: 'retrying', delayMs: 0 })] });
      }
      equal(await admitAll(store), 0);
    },
    'is done by one at a time': async ({ store }) => {
      for (let index = 0; index < 10; index += 1)
        await waiting(store, { concurrency: { key: 'c', limit: 3 } });
      const counts = await Promise.all(Array.from({ length: 8 }, () => admit(store)));
      equal(counts.reduce((sum, count) => sum + count, 0) + (await admitAll(store)), 3);
      equal((await queued(store)).length, 3);
    },
  },
};
