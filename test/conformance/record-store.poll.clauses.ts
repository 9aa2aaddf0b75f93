import { deepEqual, equal, ok } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { NewJob } from '../../engine/commit.ts';
import type { PollRequest } from '../../engine/ports/record-store.ts';
import type { StepId } from '../../events/ids.ts';
import { aDispatchedJob, aJob, claimed, jobOf, TYPE } from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

const OTHER = 'conformance-other' as StepId;

/** A poll of its own each time it is called. */
function aPoll(overrides: Partial<PollRequest> = {}): PollRequest {
  return {
    types: [TYPE],
    limit: 10,
    payloadBytes: 1_000_000,
    workerId: 'worker-1',
    leaseMs: 60_000,
    claimId: randomUUID(),
    ...overrides,
  };
}

function idsOf(jobs: readonly Pick<NewJob, 'id'>[]) {
  return jobs.map(({ id }) => id);
}

export const pollClause: Clause = {
  number: 9,
  title: 'poll gives each queued job of the types to exactly one caller, in turn',
  checks: {
    'leases what it gives, as a claim does': async ({ store }) => {
      await store.enqueue([aJob()]);
      const [job] = await store.poll(aPoll());
      ok(job);
      deepEqual([job.status, job.attempt, job.workerId], ['running', 1, 'worker-1']);
      ok((job.token?.length ?? 0) >= 32);
      ok((job.leaseUntil?.getTime() ?? 0) > job.createdAt.getTime());
      deepEqual(await jobOf(store, job.id), job);
    },
    'gives the highest priority first and the oldest of these, across types, and no more than asked for':
      async ({ store }) => {
        const low = aJob({ priority: -1 });
        const first = aJob({ type: OTHER });
        const second = aJob();
        const urgent = aJob({ priority: 5, type: OTHER });
        await store.enqueue([low, second, first, urgent]);
        const jobs = await store.poll(aPoll({ types: [TYPE, OTHER], limit: 3 }));
        deepEqual(idsOf(jobs), idsOf([urgent, first, second]));
        deepEqual(idsOf(await store.poll(aPoll({ types: [TYPE, OTHER], limit: 3 }))), [low.id]);
      },
    'gives nothing of another type, nor what is not queued': async ({ store }) => {
      await claimed(store);
      await store.enqueue([
        aJob({ type: OTHER }),
        aJob({ status: 'pending', runAt: new Date(Date.now() + 60_000) }),
      ]);
      deepEqual(await store.poll(aPoll()), []);
    },
    'gives each job once to many callers at the same time, and leaves none': async ({ store }) => {
      const jobs = Array.from({ length: 60 }, (_, index) => aJob({ type: index % 2 ? TYPE : OTHER }));
      await store.enqueue(jobs);
      const given: string[] = [];
      for (let round = 0; given.length < jobs.length && round < 20; round += 1) {
        const types = [TYPE, OTHER];
        const polls = Array.from({ length: 6 }, () => store.poll(aPoll({ types, limit: 7 })));
        given.push(...(await Promise.all(polls)).flatMap(idsOf));
      }
      deepEqual([...given].sort(), idsOf(jobs).sort());
    },
    'gives the same leases when asked again, and takes nothing more': async ({ store }) => {
      await store.enqueue([aJob(), aJob(), aJob()]);
      const poll = aPoll({ limit: 2 });
      const first = await store.poll(poll);
      const again = await store.poll({ ...poll, again: true });
      equal(first.length, 2);
      deepEqual(again, first);
      deepEqual(await store.poll(aPoll({ again: true })), []);
      equal((await store.counts()).queueDepth, 1);
    },
    'stops at the payload bytes, but gives at least one job': async ({ store }) => {
      const payload = JSON.stringify('x'.repeat(100));
      await store.enqueue([aJob({ payload }), aJob({ payload }), aJob({ payload })]);
      equal((await store.poll(aPoll({ payloadBytes: 150 }))).length, 2);
      equal((await store.poll(aPoll({ payloadBytes: 1 }))).length, 1);
    },
    'gives what was meant for a broker and nobody claimed': async ({ store }) => {
      const job = aDispatchedJob();
      await store.enqueue([job]);
      deepEqual(idsOf(await store.poll(aPoll())), [job.id]);
    },
  },
};
