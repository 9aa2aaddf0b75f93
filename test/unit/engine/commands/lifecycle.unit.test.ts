import { describe, expect, it } from 'vitest';
import { cancelJob, cancelWorkflow } from '../../../../engine/commands/cancel.ts';
import { completeJobs } from '../../../../engine/commands/complete-jobs.ts';
import { enqueueJob } from '../../../../engine/commands/enqueue-jobs.ts';
import { failJobs } from '../../../../engine/commands/fail-jobs.ts';
import { redriveDeadLetters, redriveJob } from '../../../../engine/commands/redrive.ts';
import { queueDueJobs } from '../../../../engine/roles/due-jobs.ts';
import type { InstanceId, JobId, StepId } from '../../../../events/ids.ts';
import { aChange } from '../../../conformance/record-store.fixtures.ts';
import { claim, createEngine, jobOf, started } from '../fixtures.ts';

const request = { type: 'noop' as StepId, payload: '{}', maxRetries: 1 };
const on = { actor: 'ada' };
const step = { name: 'a', type: request.type, payload: '{}', max_retries: 0 };
const unknown = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';

type Engine = ReturnType<typeof createEngine>;

async function deadLetter(engine: Engine): Promise<JobId> {
  const { job } = await enqueueJob(engine.deps, request);
  await fail(engine, job.id, { retryable: false });
  return job.id;
}

async function fail(engine: Engine, id: JobId, more: { retryable?: boolean; retryAfterMs?: number } = {}) {
  const failure = { ...(await claim(engine, id)), error: 'no', retryable: true, ...more };
  return (await failJobs(engine.deps, [failure]))[0];
}

describe('a cancel', () => {
  it('of what has ended or is not there says so', async () => {
    const engine = createEngine();
    const id = await deadLetter(engine);
    expect(await cancelJob(engine.deps, id, on)).toEqual({ kind: 'ended', status: 'dead_letter' });
    expect(await cancelJob(engine.deps, unknown as JobId, on)).toEqual({ kind: 'not_found' });
    expect(await cancelWorkflow(engine.deps, unknown as InstanceId, on)).toEqual({ kind: 'not_found' });
  });

  it('that loses to a completion finds the job ended, or cancels the next step', async () => {
    const engine = createEngine();
    const { deps } = engine;
    const instance = await started(deps, [step, { ...step, name: 'b' }]);
    const proof = await claim(engine, instance.firstJob.id);
    // The completion is committed between this cancel's look and its write.
    const { loadInstance } = deps.store;
    let isFirst = true;
    const store = new Proxy(deps.store, {
      get: (target, name) => {
        if (name !== 'loadInstance') return Reflect.get(target, name).bind(target);
        return async (id: InstanceId) => {
          const found = await loadInstance.call(target, id);
          if (isFirst) await completeJobs(deps, [{ ...proof, result: '1' }]);
          isFirst = false;
          return found;
        };
      },
    });
    expect(await cancelWorkflow({ ...deps, store }, instance.id, on)).toEqual({ kind: 'cancelled' });
    const found = await deps.store.getInstance(instance.id);
    expect(found?.jobs.map(({ status }) => status)).toEqual(['completed', 'cancelled']);
  });
});

describe('a redrive', () => {
  it('gives the retries again, with the first delay of the policy, and says how many are left', async () => {
    const engine = createEngine();
    const id = await deadLetter(engine);
    expect(await redriveJob(engine.deps, id, on)).toEqual({ kind: 'queued' });
    expect(await fail(engine, id)).toEqual({ kind: 'settled', status: 'retrying' });
    const { runAt, updatedAt } = await jobOf(engine, id);
    expect(runAt.getTime() - updatedAt.getTime()).toBe(1_000);
    engine.advance(1_000);
    await queueDueJobs(engine.deps, 10);
    expect(await fail(engine, id)).toEqual({ kind: 'settled', status: 'dead_letter' });
    expect(await jobOf(engine, id)).toMatchObject({ attempt: 3, attemptBase: 1, maxRetries: 1 });
    // One when it was enqueued, one by the redrive, one by the retry.
    expect(engine.store.outbox).toHaveLength(3);
  });

  it('writes no message in polling mode', async () => {
    const engine = createEngine('polling');
    await redriveJob(engine.deps, await deadLetter(engine), on);
    expect(engine.store.outbox).toEqual([]);
  });

  it('of a step whose workflow has gone on is refused', async () => {
    const engine = createEngine();
    const { deps, store } = engine;
    const instance = await started(deps, [step]);
    await fail(engine, instance.firstJob.id);
    const resume = aChange(instance.id, 2, 'completed');
    const { job } = await enqueueJob(deps, request);
    const touch = { id: job.id, expect: { status: 'queued', attempt: 0 }, status: 'queued' } as const;
    await store.commit({ units: [{ job: touch, instance: resume, enqueue: [], audit: [] }] });
    expect(await redriveJob(deps, instance.firstJob.id, on)).toEqual({ kind: 'instance_ended' });
  });

  it('of many meets each once, even when it fails again at once', async () => {
    const engine = createEngine();
    for (let n = 0; n < 3; n += 1) await deadLetter(engine);
    const all = { filter: {}, dryRun: false, ...on };
    expect(await redriveDeadLetters(engine.deps, { ...all, dryRun: true })).toEqual({
      matched: 3,
      redriven: 0,
    });
    expect(await redriveDeadLetters(engine.deps, { ...all, limit: 2 })).toEqual({ matched: 2, redriven: 2 });
    expect(await redriveDeadLetters(engine.deps, all)).toEqual({ matched: 1, redriven: 1 });
  });
});

describe('the delay before a retry', () => {
  it('is that of the job, or what the failure says', async () => {
    const engine = createEngine();
    const retry = { base_ms: 7, multiplier: 3, max_ms: 20, jitter: 0 };
    const { job } = await enqueueJob(engine.deps, { ...request, maxRetries: 9, retry });
    const delays: number[] = [];
    for (const more of [{}, {}, {}, { retryAfterMs: 60_000 }]) {
      await fail(engine, job.id, more);
      const { runAt, updatedAt } = await jobOf(engine, job.id);
      const delay = runAt.getTime() - updatedAt.getTime();
      delays.push(delay);
      engine.advance(delay);
      await queueDueJobs(engine.deps, 10);
    }
    expect(delays).toEqual([7, 20, 20, 60_000]);
  });

  it('makes another request of the same idempotency key', async () => {
    const { deps } = createEngine();
    await enqueueJob(deps, { ...request, idempotencyKey: 'k' });
    const other = enqueueJob(deps, { ...request, idempotencyKey: 'k', retry: { base_ms: 5 } });
    await expect(other).rejects.toMatchObject({ code: 'idempotency_conflict' });
  });
});
