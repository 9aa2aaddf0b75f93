import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { CommitUnit } from '../../engine/commit.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { InstanceId, JobId, StepId } from '../../events/ids.ts';
import {
  aJob,
  anInstance,
  claimed,
  claimOne,
  enqueued,
  jobOf,
  newId,
  unitFor,
} from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

const HOUR_MS = 3_600_000;

export const cancelInstanceClause: Clause = {
  number: 11,
  title: 'cancelInstance ends a running instance with every open job of it',
  checks: {
    'ends the instance, its open jobs and their leases, and says so in the trail': async ({ store }) => {
      const { id, jobId } = await runningInstance(store);
      const outcome = await store.cancelInstance({ id, expectedVersion: 1, actor: 'ada', reason: 'no use' });
      equal(outcome, 'applied');
      const found = await store.getInstance(id);
      deepEqual([found?.instance.status, found?.instance.version], ['cancelled', 2]);
      equal(found?.instance.failureReason, 'no use');
      ok(found?.instance.completedAt);
      const job = await jobOf(store, jobId);
      deepEqual([job.status, job.leaseUntil], ['cancelled', null]);
      ok(job.completedAt);
      equal(job.pastAttempts.at(-1)?.attempt, 1);
      const [entry] = (await store.listAudit({ jobId })).filter(({ action }) => action === 'JOB_CANCELLED');
      deepEqual(JSON.parse(entry?.detail ?? ''), { from: 'running', reason: 'no use' });
      equal(entry?.actor, 'ada');
      const trail = (await store.listAudit({ instanceId: id })).map(({ action }) => action);
      ok(trail.includes('WORKFLOW_CANCELLED'));
    },
    'changes nothing at another version, nor in an instance that has ended': async ({ store }) => {
      const { id, jobId } = await runningInstance(store);
      equal(await store.cancelInstance({ id, expectedVersion: 2, actor: 'a' }), 'conflict');
      equal((await jobOf(store, jobId)).status, 'running');
      await store.cancelInstance({ id, expectedVersion: 1, actor: 'a' });
      equal(await store.cancelInstance({ id, expectedVersion: 2, actor: 'a' }), 'conflict');
      equal((await store.getInstance(id))?.instance.version, 2);
      const unknown = newId() as string as InstanceId;
      equal(await store.cancelInstance({ id: unknown, expectedVersion: 1, actor: 'a' }), 'conflict');
    },
    'leaves what has ended, and every other instance': async ({ store }) => {
      const { id, jobId, unit } = await runningInstance(store);
      const other = await runningInstance(store);
      const next = aJob({ instanceId: id, stepIndex: 1 });
      await store.commit({ units: [{ ...unit, enqueue: [next] }] });
      equal(await store.cancelInstance({ id, expectedVersion: 2, actor: 'a' }), 'applied');
      equal((await jobOf(store, jobId)).status, 'completed');
      equal((await jobOf(store, next.id)).status, 'cancelled');
      equal((await jobOf(store, other.jobId)).status, 'running');
    },
    'and a unit of commit at the same time: one is applied': async ({ store }) => {
      const { id, unit } = await runningInstance(store);
      const next = aJob({ instanceId: id, stepIndex: 1 });
      const [cancelled, [committed]] = await Promise.all([
        store.cancelInstance({ id, expectedVersion: 1, actor: 'a' }),
        store.commit({ units: [{ ...unit, enqueue: [next] }] }),
      ]);
      notEqual(cancelled, committed);
      equal((await store.getJobs([next.id])).length, committed === 'applied' ? 1 : 0);
    },
  },
};

export const deadLetterClause: Clause = {
  number: 12,
  title: 'dead letters are found as described, and redriven with a fresh budget',
  checks: {
    'are listed newest first and numbered oldest first, page by page, and nothing else': async ({
      store,
    }) => {
      const ids: JobId[] = [];
      for (let n = 0; n < 5; n += 1) ids.push((await deadLetter(store)).id);
      await claimed(store);
      await enqueued(store);
      const first = await store.listDeadLetters({}, { limit: 3 });
      const second = await store.listDeadLetters({}, { limit: 3, before: first.at(-1)?.id });
      const idsOf = (jobs: readonly { readonly id: JobId }[]) => jobs.map(({ id }) => id);
      deepEqual([...idsOf(first), ...idsOf(second)], [...ids].reverse());
      const front = await store.deadLetterIds({}, { limit: 3 });
      const back = await store.deadLetterIds({}, { limit: 3, after: front.at(-1) });
      deepEqual([...front, ...back], ids);
    },
    'are filtered by id, type, time and words of the error': async ({ store }) => {
      const mail = await deadLetter(store, { type: 'mail' as StepId, error: 'Timeout at noon' });
      const disk = await deadLetter(store, { error: 'out of disk' });
      const found = async (filter: Parameters<RecordStore['deadLetterIds']>[0]) => {
        const ids = await store.deadLetterIds(filter, { limit: 9 });
        const listed = await store.listDeadLetters(filter, { limit: 9 });
        deepEqual(listed.map(({ id }) => id).reverse(), ids);
        return ids;
      };
      const queued = await enqueued(store);
      deepEqual(await found({ ids: [disk.id, queued.id] }), [disk.id]);
      deepEqual(await found({ type: 'mail' as StepId }), [mail.id]);
      deepEqual(await found({ errorContains: 'TIMEOUT' }), [mail.id]);
      deepEqual(await found({ errorContains: '%' }), []);
      const ended = (await jobOf(store, mail.id)).completedAt?.getTime() ?? 0;
      deepEqual(await found({ endedBefore: new Date(ended - HOUR_MS) }), []);
      deepEqual(await found({ endedAfter: new Date(ended - HOUR_MS) }), [mail.id, disk.id]);
    },
    'have all their retries again after a redrive, their attempts counted on': async ({ store }) => {
      const { id } = await deadLetter(store, { maxRetries: 0 });
      const expect = { status: 'dead_letter', attempt: 1 } as const;
      const redrive = unitFor({ id, expect, status: 'queued', freshRetries: true });
      deepEqual(await store.commit({ units: [redrive] }), ['applied']);
      deepEqual(await store.commit({ units: [redrive] }), ['conflict']);
      const queued = await jobOf(store, id);
      deepEqual([queued.status, queued.attempt, queued.attemptBase], ['queued', 1, 1]);
      equal(queued.completedAt, null);
      equal((await claimOne(store, id)).attempt, 2);
      equal((await jobOf(store, id)).pastAttempts.length, 1);
    },
    'have no attempt forgiven by any other move': async ({ store }) => {
      const { id, token } = await claimed(store);
      const moves = [
        { expect: { status: 'running', attempt: 1, token }, status: 'retrying', delayMs: 0 },
        { expect: { status: 'retrying', attempt: 1 }, status: 'queued' },
        { expect: { status: 'queued', attempt: 1 }, status: 'dead_letter', lastError: 'x' },
      ] as const;
      for (const move of moves) {
        deepEqual(await store.commit({ units: [unitFor({ id, ...move })] }), ['applied']);
        equal((await jobOf(store, id)).attemptBase, 0);
      }
    },
    'bring their instance back without the reason it failed for': async ({ store }) => {
      const { id, unit } = await runningInstance(store);
      const failed = {
        id,
        expectedVersion: 1,
        status: 'failed',
        currentStep: 0,
        failureReason: 'x',
      } as const;
      await store.commit({
        units: [{ ...unit, job: { ...unit.job, status: 'dead_letter' }, instance: failed }],
      });
      const resumed = { id, expectedVersion: 2, status: 'running', currentStep: 0 } as const;
      const expect = { status: 'dead_letter', attempt: 1 } as const;
      const redrive = unitFor({ id: unit.job.id, expect, status: 'queued', freshRetries: true });
      await store.commit({ units: [{ ...redrive, instance: resumed }] });
      const found = await store.getInstance(id);
      deepEqual([found?.instance.status, found?.instance.failureReason], ['running', null]);
      equal(found?.instance.completedAt, null);
    },
    'keep their retry settings': async ({ store }) => {
      const retry = { base_ms: 5, jitter: 0 };
      const { id } = await enqueued(store, aJob({ retry }));
      deepEqual((await jobOf(store, id)).retry, retry);
      equal((await jobOf(store, (await enqueued(store)).id)).retry, null);
    },
  },
};

export async function runningInstance(store: RecordStore) {
  const instance = anInstance();
  await store.start([instance]);
  const { id: jobId, token } = await claimOne(store, instance.firstJob.id);
  const expect = { status: 'running', attempt: 1, token } as const;
  const unit: CommitUnit = {
    ...unitFor({ id: jobId, expect, status: 'completed', result: '1' }),
    instance: { id: instance.id, expectedVersion: 1, status: 'running', currentStep: 1, output: '1' },
  };
  return { id: instance.id, jobId, unit };
}

export async function deadLetter(
  store: RecordStore,
  options: { readonly type?: StepId; readonly error?: string; readonly maxRetries?: number } = {},
) {
  const { error = 'no luck', ...job } = options;
  const { id, token } = await claimed(store, { job: await enqueued(store, aJob(job)) });
  const expect = { status: 'running', attempt: 1, token } as const;
  const endedAttempt = { attempt: 1, error };
  const change = { id, expect, status: 'dead_letter', lastError: error, endedAttempt } as const;
  await store.commit({ units: [unitFor(change)] });
  return { id };
}
