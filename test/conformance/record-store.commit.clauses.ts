import { deepEqual, equal, ok } from 'node:assert/strict';
import type { CommitUnit, JobChange } from '../../engine/commit.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { InstanceId } from '../../events/ids.ts';
import { waitFor } from '../helpers/wait-for.ts';
import {
  aChange,
  aDispatchedJob,
  aJob,
  anInstance,
  claimed,
  claimOne,
  enqueued,
  jobOf,
  messageOf,
  newId,
  unitFor,
} from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

export const completeClause: Clause = {
  number: 4,
  title: 'complete finishes jobs that stand alone and hold the token',
  checks: {
    'keeps the result byte for byte': async ({ store }) => {
      const job = await claimed(store);
      const result = '{"b": 1, "a": 12345678901234567890}';
      deepEqual(await store.complete([{ ...job, result }]), [{ kind: 'completed' }]);
      const stored = await jobOf(store, job.id);
      equal(stored.status, 'completed');
      equal(stored.result, result);
      equal(stored.leaseUntil, null);
      ok(stored.completedAt);
    },
    'gives the same answer when it is repeated, and keeps the first result': async ({ store }) => {
      const job = await claimed(store);
      await store.complete([{ ...job, result: '1' }]);
      deepEqual(await store.complete([{ ...job, result: '2' }]), [{ kind: 'completed', repeated: true }]);
      equal((await jobOf(store, job.id)).result, '1');
    },
    'gives the same answer to the same token many times at once': async ({ store }) => {
      const job = await claimed(store);
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => store.complete([{ ...job, result: '1' }])),
      );
      ok(answers.flat().every(({ kind }) => kind === 'completed'));
      equal(answers.flat().filter((answer) => !('repeated' in answer)).length, 1);
    },
    'tells one of two that complete overlapping jobs at once of each job that it was new': async ({
      store,
    }) => {
      const jobs = await Promise.all(Array.from({ length: 30 }, () => claimed(store)));
      const completions = jobs.map((job) => ({ ...job, result: '1' }));
      const answers = await Promise.all([
        store.complete(completions),
        store.complete(completions.toReversed()),
        store.complete(completions.slice(10, 20)),
      ]);
      ok(answers.flat().every(({ kind }) => kind === 'completed'));
      equal(answers.flat().filter((answer) => !('repeated' in answer)).length, 30);
    },
    'refuses another token': async ({ store }) => {
      const [job, other] = [await claimed(store), await claimed(store)];
      const outcomes = await store.complete([{ id: job.id, token: other.token, result: '1' }]);
      deepEqual(outcomes, [{ kind: 'refused', status: 'running' }]);
      equal((await jobOf(store, job.id)).status, 'running');
    },
    'leaves a step of an instance as it is, and says so': async ({ store }) => {
      const { job } = await startedInstance(store);
      const [outcome] = await store.complete([{ ...job, result: '1' }]);
      const [loaded] = await store.load([job.id]);
      ok(outcome?.kind === 'step' && loaded?.instance);
      deepEqual(outcome.loaded.job, loaded.job);
      deepEqual({ ...outcome.loaded.instance, loadedAt: 0 }, { ...loaded.instance, loadedAt: 0 });
      equal((await jobOf(store, job.id)).status, 'running');
    },
    'answers for each in the order of the request': async ({ store }) => {
      const [first, second] = [await claimed(store), await claimed(store)];
      const outcomes = await store.complete([
        { ...second, result: '2' },
        { id: newId(), token: first.token, result: '0' },
        { ...first, result: '1' },
      ]);
      deepEqual(outcomes, [{ kind: 'completed' }, { kind: 'not_found' }, { kind: 'completed' }]);
    },
  },
};

export const commitClause: Clause = {
  number: 5,
  title: 'commit applies a unit whole or not at all',
  checks: {
    'writes job, instance, next job and audit together': async ({ store }) => {
      const { job, instanceId } = await startedInstance(store);
      const next = aJob({ instanceId, stepIndex: 1 });
      deepEqual(await store.commit({ units: [stepUnit(job, { version: 1, next: [next] })] }), ['applied']);
      const found = await store.getInstance(instanceId);
      equal(found?.instance.version, 2);
      equal(found?.instance.currentStep, 1);
      equal(found?.instance.variables, '{"big":12345678901234567890}');
      deepEqual(
        found?.jobs.map(({ status }) => status),
        ['completed', 'queued'],
      );
      ok((await store.listAudit({ jobId: job.id })).some(({ action }) => action === 'JOB_CANCELLED'));
    },
    'writes nothing of a unit whose instance has changed, and leaves its neighbours': async ({
      store,
      outbox,
    }) => {
      const { job, instanceId } = await startedInstance(store);
      const neighbour = await claimed(store);
      const next = aDispatchedJob({ instanceId, stepIndex: 1 });
      const outcomes = await store.commit({
        units: [stepUnit(job, { version: 7, next: [next] }), finished(neighbour)],
      });
      deepEqual(outcomes, ['conflict', 'applied']);
      equal((await jobOf(store, job.id)).status, 'running');
      equal((await store.getInstance(instanceId))?.instance.version, 1);
      deepEqual(await store.getJobs([next.id]), []);
      deepEqual(
        (await outbox()).filter(({ jobId }) => jobId === next.id),
        [],
      );
      ok(!(await store.listAudit({ jobId: job.id })).some(({ action }) => action === 'JOB_CANCELLED'));
      equal((await jobOf(store, neighbour.id)).status, 'completed');
    },
    'leaves the instance when the job has changed': async ({ store }) => {
      const { job, instanceId } = await startedInstance(store);
      const stale = stepUnit({ ...job, attempt: 9 }, { version: 1, next: [] });
      deepEqual(await store.commit({ units: [stale] }), ['conflict']);
      equal((await store.getInstance(instanceId))?.instance.version, 1);
    },
    'refuses another state, attempt or token': async ({ store }) => {
      const [job, other] = [await claimed(store), await claimed(store)];
      const { id, token } = job;
      const units = [
        unitFor({ id, expect: { status: 'queued', attempt: 1, token }, status: 'completed' }),
        unitFor({ id, expect: { status: 'running', attempt: 2, token }, status: 'completed' }),
        unitFor({ id, expect: { status: 'running', attempt: 1, token: other.token }, status: 'completed' }),
      ];
      for (const unit of units) deepEqual(await store.commit({ units: [unit] }), ['conflict']);
      equal((await jobOf(store, id)).status, 'running');
    },
    'applies one of many units for one job at the same time': async ({ store }) => {
      const job = await claimed(store);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, () => store.commit({ units: [finished(job)] })),
      );
      equal(outcomes.flat().filter((outcome) => outcome === 'applied').length, 1);
    },
    'applies one of two units of different jobs for one version of an instance': async ({ store }) => {
      const { job, instanceId } = await startedInstance(store);
      const others = [job, await claimed(store), await claimed(store), await claimed(store)];
      const outcomes = await Promise.all(
        others.map((other) =>
          store.commit({ units: [{ ...stepUnit({ ...other, instanceId }, { version: 1, next: [] }) }] }),
        ),
      );
      equal(outcomes.flat().filter((outcome) => outcome === 'applied').length, 1);
      const found = await store.getInstance(instanceId);
      equal(found?.instance.version, 2);
    },
    'takes a lease that runs on for no expired one': async ({ store }) => {
      const job = await claimed(store);
      const expect = { status: 'running', attempt: 1, leaseExpired: true } as const;
      const unit = unitFor({ id: job.id, expect, status: 'retrying', delayMs: 0 });
      deepEqual(await store.commit({ units: [unit] }), ['conflict']);
      await store.heartbeat([job], 1);
      await waitFor(async () => (await store.commit({ units: [unit] }))[0] === 'applied', { within: 5_000 });
    },
    'keeps a failed attempt with its error': async ({ store }) => {
      const job = await claimed(store);
      const expect = { status: 'running', attempt: 1, token: job.token } as const;
      const endedAttempt = { attempt: 1, error: 'no luck' };
      await store.commit({
        units: [unitFor({ id: job.id, expect, status: 'dead_letter', lastError: 'no luck', endedAttempt })],
      });
      const { status, lastError, pastAttempts } = await jobOf(store, job.id);
      deepEqual([status, lastError, pastAttempts.length], ['dead_letter', 'no luck', 1]);
      deepEqual([pastAttempts[0]?.error, pastAttempts[0]?.worker_id], ['no luck', 'worker-1']);
    },
    'does nothing for no units': async ({ store }) => {
      deepEqual(await store.commit({ units: [] }), []);
    },
  },
};

async function startedInstance(store: RecordStore) {
  const instance = anInstance();
  await store.start([instance]);
  const job = await claimOne(store, instance.firstJob.id);
  return { instanceId: instance.id, job: { ...job, instanceId: instance.id } };
}

type Held = Awaited<ReturnType<typeof claimed>>;

function finished(job: Held): CommitUnit {
  const expect = { status: 'running', attempt: job.attempt, token: job.token } as const;
  return unitFor({ id: job.id, expect, status: 'completed', result: '1' });
}

function stepUnit(
  job: Held & { readonly instanceId: InstanceId },
  options: { readonly version: number; readonly next: CommitUnit['enqueue'] },
): CommitUnit {
  return {
    ...finished(job),
    instance: {
      ...aChange(job.instanceId, options.version),
      variables: '{"big":12345678901234567890}',
    },
    enqueue: options.next,
    audit: [{ action: 'JOB_CANCELLED', actor: 'test', jobId: job.id }],
  };
}

/** For the outbox clause: a queued job that a commit hands to dispatch (again). */
export async function redispatched(
  store: RecordStore,
): Promise<{ unit: CommitUnit & { readonly job: JobChange }; id: JobChange['id'] }> {
  const job = await enqueued(store);
  const expect = { status: 'queued', attempt: 0 } as const;
  return { id: job.id, unit: unitFor({ id: job.id, expect, status: 'queued', dispatch: messageOf(job) }) };
}
