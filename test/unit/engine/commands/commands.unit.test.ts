import { describe, expect, it } from 'vitest';
import { completeJobs } from '../../../../engine/commands/complete-jobs.ts';
import { enqueueJob, enqueueJobs } from '../../../../engine/commands/enqueue-jobs.ts';
import { failJobs } from '../../../../engine/commands/fail-jobs.ts';
import { queueDueJobs } from '../../../../engine/roles/due-jobs.ts';
import { redispatchLostJobs } from '../../../../engine/roles/lost-dispatches.ts';
import { reclaimStaleJobs } from '../../../../engine/roles/stale-leases.ts';
import type { StepId } from '../../../../events/ids.ts';
import { claim, createEngine, jobOf, started } from '../fixtures.ts';

const request = { type: 'noop' as StepId, payload: '{"a":1}', maxRetries: 1 };

describe('enqueueing', () => {
  it('queues a due job with its message, and leaves one for later pending without', async () => {
    const engine = createEngine();
    await enqueueJobs(engine.deps, [request, { ...request, runAt: new Date(Date.UTC(2026, 0, 2)) }]);
    expect(await engine.store.counts()).toMatchObject({ queueDepth: 1 });
    expect(engine.store.outbox).toHaveLength(1);
  });

  it('writes no message in polling mode', async () => {
    const engine = createEngine('polling');
    await enqueueJob(engine.deps, request);
    expect(engine.store.outbox).toEqual([]);
  });

  it('refuses a key that was used with another request, by its code', async () => {
    const engine = createEngine();
    await enqueueJob(engine.deps, { ...request, idempotencyKey: 'k' });
    await expect(
      enqueueJob(engine.deps, { ...request, payload: '{"a":2}', idempotencyKey: 'k' }),
    ).rejects.toMatchObject({ code: 'idempotency_conflict' });
  });

  it('answers a repeated request with the first job', async () => {
    const engine = createEngine();
    const first = await enqueueJob(engine.deps, { ...request, idempotencyKey: 'k' });
    const again = await enqueueJob(engine.deps, { ...request, idempotencyKey: 'k', traceparent: 'other' });
    expect(again).toMatchObject({ kind: 'replayed', job: { id: first.job.id } });
  });
});

describe('a failed attempt', () => {
  it('is tried again after the delay, then goes to the dead letters', async () => {
    const engine = createEngine();
    const { job } = await enqueueJob(engine.deps, request);
    const first = { ...(await claim(engine, job.id)), error: 'one', retryable: true };
    expect(await failJobs(engine.deps, [first])).toEqual([{ kind: 'settled', status: 'retrying' }]);
    expect(await queueDueJobs(engine.deps, 10)).toBe(0);
    engine.advance(1_000);
    expect(await queueDueJobs(engine.deps, 10)).toBe(1);
    expect(engine.store.outbox).toHaveLength(2);
    const second = { ...(await claim(engine, job.id)), error: 'two', retryable: true };
    expect(await failJobs(engine.deps, [second])).toEqual([{ kind: 'settled', status: 'dead_letter' }]);
    expect((await jobOf(engine, job.id)).pastAttempts.map(({ error }) => error)).toEqual(['one', 'two']);
  });

  it('that cannot be retried goes to the dead letters at once', async () => {
    const engine = createEngine();
    const { job } = await enqueueJob(engine.deps, request);
    const failure = { ...(await claim(engine, job.id)), error: 'x', retryable: false };
    expect(await failJobs(engine.deps, [failure])).toEqual([{ kind: 'settled', status: 'dead_letter' }]);
  });

  it('counts when its lease ran out: the last one ends the job', async () => {
    const engine = createEngine();
    const { job } = await enqueueJob(engine.deps, { ...request, maxRetries: 0 });
    await claim(engine, job.id);
    engine.advance(24 * 3_600_000);
    expect(await reclaimStaleJobs(engine.deps, 10)).toBe(1);
    expect(await jobOf(engine, job.id)).toMatchObject({ status: 'dead_letter' });
  });

  it('gets the same answer when it is told again', async () => {
    const engine = createEngine();
    const { job } = await enqueueJob(engine.deps, request);
    const failure = { ...(await claim(engine, job.id)), error: 'x', retryable: true };
    const first = await failJobs(engine.deps, [failure]);
    expect(await failJobs(engine.deps, [failure])).toEqual(first.map((one) => ({ ...one, repeated: true })));
    expect((await jobOf(engine, job.id)).pastAttempts).toHaveLength(1);
  });
});

describe('a late result', () => {
  it('is refused and leaves a trace', async () => {
    const engine = createEngine();
    const { job } = await enqueueJob(engine.deps, request);
    const late = await claim(engine, job.id, 1_000);
    engine.advance(1_001);
    expect(await reclaimStaleJobs(engine.deps, 10)).toBe(1);
    const outcomes = await completeJobs(engine.deps, [{ ...late, result: '1' }]);
    expect(outcomes).toEqual([{ kind: 'refused', status: 'retrying' }]);
    const actions = engine.store.auditLog.map(({ action }) => action);
    expect(actions).toEqual(['LEASE_EXPIRED', 'JOB_RETRYING', 'LATE_RESULT_REFUSED']);
  });
});

describe('a lost dispatch', () => {
  it('is sent again with a new message id', async () => {
    const engine = createEngine();
    const { job } = await enqueueJob(engine.deps, request);
    expect(await redispatchLostJobs(engine.deps, { olderThanMs: 60_000, limit: 10 })).toBe(0);
    engine.advance(60_001);
    expect(await redispatchLostJobs(engine.deps, { olderThanMs: 60_000, limit: 10 })).toBe(1);
    expect(await jobOf(engine, job.id)).toMatchObject({ status: 'queued', dispatches: 2 });
    expect(engine.store.outbox).toHaveLength(2);
  });
});

describe('a workflow', () => {
  const step = (name: string) => ({ name, type: 'noop' as StepId, payload: '{}', max_retries: 0 });

  it('runs its steps one after the other, each with the outputs of the earlier ones', async () => {
    const engine = createEngine();
    const instance = await started(engine.deps, [step('a'), step('b')]);
    const first = await claim(engine, instance.firstJob.id);
    expect(await completeJobs(engine.deps, [{ ...first, result: '{"n":1}' }])).toEqual([
      { kind: 'settled', status: 'completed' },
    ]);
    const found = await engine.store.getInstance(instance.id);
    expect(found?.jobs[1]?.payload).toBe('{"outputs":{"a":{"n":1}}}');
    const second = await claim(engine, found?.jobs[1]?.id ?? instance.firstJob.id);
    await completeJobs(engine.deps, [{ ...second, result: '2' }]);
    expect((await engine.store.getInstance(instance.id))?.instance).toMatchObject({
      status: 'completed',
      variables: '{"a":{"n":1},"b":2}',
    });
    expect(engine.store.outbox).toHaveLength(2);
  });

  it('gives the same answer to a step that completes twice, and goes on once', async () => {
    const engine = createEngine();
    const instance = await started(engine.deps, [step('a'), step('b')]);
    const first = { ...(await claim(engine, instance.firstJob.id)), result: '1' };
    const answers = await Promise.all([
      completeJobs(engine.deps, [first]),
      completeJobs(engine.deps, [first]),
    ]);
    const settled = { kind: 'settled', status: 'completed' };
    expect(answers.flat()).toEqual([settled, { ...settled, repeated: true }]);
    expect((await engine.store.getInstance(instance.id))?.jobs).toHaveLength(2);
  });

  it('fails with the step that has no retries left, and says which', async () => {
    const engine = createEngine();
    const instance = await started(engine.deps, [step('a'), step('b')]);
    const failure = { ...(await claim(engine, instance.firstJob.id)), error: 'no', retryable: true };
    await failJobs(engine.deps, [failure]);
    expect((await engine.store.getInstance(instance.id))?.instance).toMatchObject({
      status: 'failed',
      failureReason: 'Step "a" failed: no',
    });
  });

  it('fails when the outputs grow beyond what a payload may be', async () => {
    const engine = createEngine();
    const instance = await started(engine.deps, [step('a'), step('b')]);
    const first = await claim(engine, instance.firstJob.id);
    await completeJobs(engine.deps, [{ ...first, result: `"${'x'.repeat(256 * 1024 - 2)}"` }]);
    const found = await engine.store.getInstance(instance.id);
    expect(found?.instance.status).toBe('failed');
    expect(found?.instance.failureReason).toContain('larger than 256 KB');
    expect(found?.jobs).toHaveLength(1);
  });
});
