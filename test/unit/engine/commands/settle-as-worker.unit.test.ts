import { describe, expect, test } from 'vitest';
import { enqueueJob } from '../../../../engine/commands/enqueue-jobs.ts';
import { settleAsWorker } from '../../../../engine/commands/settle-as-worker.ts';
import type { EngineDeps } from '../../../../engine/deps.ts';
import type { JobId, StepId } from '../../../../events/ids.ts';
import { withFault } from '../../../conformance/broken/record-store-faults.ts';
import { createEngine, jobOf } from '../fixtures.ts';

const request = { type: 'noop' as StepId, payload: '{}', maxRetries: 1 };
const completed = { kind: 'completed', result: '{"a":1}' } as const;

/** Sees nothing of its jobs until it has been waited for so many times. */
function unseenFor(deps: EngineDeps, waits: number): EngineDeps {
  let waited = 0;
  const sleep = async () => {
    waited += 1;
  };
  const store = withFault(deps.store, {
    load: async (ids) => (waited < waits ? [] : deps.store.load(ids)),
  });
  return { ...deps, store, clock: { now: deps.clock.now, sleep } };
}

describe('a worker without a token', () => {
  test('may have a job before its commit can be seen, and completes it all the same', async () => {
    const engine = createEngine('kafka_outbox');
    const { job } = await enqueueJob(engine.deps, request);
    const late = unseenFor(engine.deps, 3);
    expect(await settleAsWorker(late, { id: job.id, workerId: 'w', end: completed })).toEqual({
      kind: 'settled',
      status: 'completed',
    });
    expect(await jobOf(engine, job.id)).toMatchObject({ status: 'completed', attempt: 1, workerId: 'w' });
  });

  test('is told in the end that there is no such job', async () => {
    const engine = createEngine('kafka_outbox');
    const { job } = await enqueueJob(engine.deps, request);
    const never = unseenFor(engine.deps, 1000);
    const outcome = await settleAsWorker(never, { id: job.id, workerId: 'w', end: completed });
    expect(outcome).toEqual({ kind: 'not_found' });
    const detail = { status: 'not_found', worker: 'w', told: 'completed' };
    expect(engine.store.auditLog).toMatchObject([{ action: 'LATE_RESULT_REFUSED', jobId: job.id, detail }]);
  });

  test('leaves no trace where workers poll and there is no such job', async () => {
    const engine = createEngine('polling');
    const none = '0190f0f0-0000-7000-8000-000000000000' as JobId;
    const outcome = await settleAsWorker(engine.deps, { id: none, workerId: 'w', end: completed });
    expect(outcome).toEqual({ kind: 'not_found' });
    expect(engine.store.auditLog).toEqual([]);
  });

  test('spends no retry with a copy of the message whose failure was told already', async () => {
    const engine = createEngine('kafka_outbox');
    const { job } = await enqueueJob(engine.deps, request);
    const failed = {
      id: job.id,
      workerId: 'w',
      end: { kind: 'failed', error: 'no', retryable: true },
    } as const;
    await settleAsWorker(engine.deps, failed);
    // Who waits for the retry to be queued would end it.
    const sleep = () => Promise.reject(new Error('it waited'));
    const hasty = { ...engine.deps, clock: { now: engine.deps.clock.now, sleep } };
    expect(await settleAsWorker(hasty, failed)).toMatchObject({ kind: 'settled', repeated: true });
    expect(await jobOf(engine, job.id)).toMatchObject({ status: 'retrying', attempt: 1 });
  });

  test('is refused where workers poll and this one has not, which is recorded once', async () => {
    const engine = createEngine('polling');
    const { job } = await enqueueJob(engine.deps, request);
    const outcome = await settleAsWorker(engine.deps, { id: job.id, workerId: 'w', end: completed });
    expect(outcome).toEqual({ kind: 'refused', status: 'queued' });
    const refusals = engine.store.auditLog.filter(({ action }) => action === 'LATE_RESULT_REFUSED');
    expect(refusals).toHaveLength(1);
  });
});
