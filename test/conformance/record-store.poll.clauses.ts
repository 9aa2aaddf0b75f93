import { deepEqual, equal, ok } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { NewJob } from '../../engine/commit.ts';
import type { JobRecord } from '../../engine/job.ts';
import type { PollRequest, RecordStore } from '../../engine/ports/record-store.ts';
import type { JobId, StepId } from '../../events/ids.ts';
import { aDispatchedJob, aJob, claimed, jobOf, TYPE, unitFor } from './record-store.fixtures.ts';
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

function proofsOf(jobs: readonly JobRecord[]) {
  return jobs.map(({ id, token, attempt }) => ({ id, token, attempt }));
}

/** Takes seconds where each is a statement. */
const ROUNDS = 1_000;

/** Polls a backlog that never ends until it has given the jobs. */
async function givenUnderBacklog(store: RecordStore, ...ids: readonly JobId[]): Promise<void> {
  const left = new Set(ids);
  for (let round = 0; round < ROUNDS && left.size > 0; round += 1) {
    await store.enqueue(Array.from({ length: 4 }, () => aJob()));
    for (const id of idsOf(await store.poll(aPoll({ limit: 4 })))) left.delete(id);
  }
  equal(left.size, 0, `jobs were passed over by ${ROUNDS} polls`);
}

/** Callers who ask again and again for as many as there are. */
async function underBacklog(store: RecordStore): Promise<void> {
  await store.enqueue(Array.from({ length: 30 }, () => aJob()));
  for (let round = 0; round < 5; round += 1) equal((await store.poll(aPoll({ limit: 4 }))).length, 4);
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
    'gives a more urgent job with the very next poll, however many wait': async ({ store }) => {
      const [urgent, between] = [aJob({ priority: 9 }), aJob({ priority: 3 })];
      await underBacklog(store);
      await store.enqueue([urgent]);
      equal(idsOf(await store.poll(aPoll({ limit: 4 })))[0], urgent.id);
      await store.poll(aPoll({ limit: 4 }));
      await store.enqueue([between]);
      equal(idsOf(await store.poll(aPoll({ limit: 4 })))[0], between.id);
    },
    'gives in the end, under a backlog that has none, what committed late': async ({ store }) => {
      const late = aJob();
      await underBacklog(store);
      await store.enqueue([late]);
      await givenUnderBacklog(store, late.id);
    },
    'gives in the end, under a backlog that has none, what is queued again': async ({ store }) => {
      const failed = await claimed(store);
      const redriven = await claimed(store);
      const handedBack = aJob();
      await store.enqueue([handedBack]);
      const taken = await store.poll(aPoll());
      await underBacklog(store);
      for (const { id, token } of [failed, redriven]) {
        const expect = { status: 'running', attempt: 1, token } as const;
        const status = id === failed.id ? 'retrying' : 'dead_letter';
        await store.commit({ units: [unitFor({ id, expect, status })] });
        await store.commit({ units: [unitFor({ id, expect: { status, attempt: 1 }, status: 'queued' })] });
      }
      await store.giveBack(taken);
      await givenUnderBacklog(store, failed.id, redriven.id, handedBack.id);
    },
    'gives what was queued behind at once when it would give less than was asked for': async ({ store }) => {
      const late = aJob();
      await store.enqueue(Array.from({ length: 8 }, () => aJob()));
      equal((await store.poll(aPoll({ limit: 4 }))).length, 4);
      equal((await store.poll(aPoll({ limit: 4 }))).length, 4);
      await store.enqueue([late]);
      deepEqual(idsOf(await store.poll(aPoll({ limit: 4 }))), [late.id]);
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
      deepEqual(proofsOf(again), proofsOf(first));
      for (const [index, { leaseUntil }] of again.entries()) {
        ok((leaseUntil?.getTime() ?? 0) >= (first[index]?.leaseUntil?.getTime() ?? Number.NaN));
      }
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

export const giveBackClause: Clause = {
  number: 10,
  title: 'giveBack undoes a claim, as long as it stands as it was made',
  checks: {
    'queues the job as it was before the poll, and it runs later under another token': async ({ store }) => {
      await store.enqueue([aJob()]);
      const [taken] = await store.poll(aPoll());
      ok(taken?.token);
      equal(await store.giveBack([taken]), 1);
      const { status, attempt, token, leaseUntil, startedAt, workerId } = await jobOf(store, taken.id);
      deepEqual(
        { status, attempt, startedAt, workerId },
        { status: 'queued', attempt: 0, startedAt: null, workerId: null },
      );
      deepEqual([token, leaseUntil], [null, null]);
      deepEqual(await store.complete([{ id: taken.id, token: taken.token, result: 'null' }]), [
        { kind: 'refused', status: 'queued' },
      ]);
      const [second] = await store.poll(aPoll());
      deepEqual([second?.id, second?.attempt], [taken.id, 1]);
      ok(second?.token !== taken.token);
    },
    'leaves a job whose lease was extended, or given again, to whoever has it': async ({ store }) => {
      await store.enqueue([aJob(), aJob()]);
      const poll = aPoll({ leaseMs: 10_000, limit: 1 });
      const [extended] = await store.poll(aPoll({ limit: 1 }));
      const [again] = await store.poll(poll);
      ok(extended?.token && again);
      await store.heartbeat([{ id: extended.id, token: extended.token }], 90_000);
      await store.poll({ ...poll, leaseMs: 20_000, again: true });
      equal(await store.giveBack([extended, again]), 0);
      equal((await store.counts()).running, 2);
    },
    'leaves alone what has ended, and what another attempt holds': async ({ store }) => {
      const { token, ...job } = await claimed(store);
      ok(token);
      await store.complete([{ id: job.id, token, result: 'null' }]);
      equal(await store.giveBack([{ ...job, token }]), 0);
      await store.enqueue([aJob()]);
      const [taken] = await store.poll(aPoll());
      ok(taken);
      await store.giveBack([taken]);
      await store.poll(aPoll());
      equal(await store.giveBack([taken]), 0);
    },
  },
};
