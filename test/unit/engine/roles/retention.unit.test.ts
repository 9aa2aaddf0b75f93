import { expect, test } from 'vitest';
import { cancelWorkflow } from '../../../../engine/commands/cancel.ts';
import { completeJobs } from '../../../../engine/commands/complete-jobs.ts';
import { enqueueJob } from '../../../../engine/commands/enqueue-jobs.ts';
import { failJobs } from '../../../../engine/commands/fail-jobs.ts';
import { sweepEnded } from '../../../../engine/roles/retention.ts';
import type { StepId } from '../../../../events/ids.ts';
import { claim, createEngine, started } from '../fixtures.ts';

const HOUR_MS = 3_600_000;
const request = { type: 'noop' as StepId, payload: '{}', maxRetries: 0 };
const never = new AbortController().signal;

async function withEndedWork() {
  const engine = createEngine();
  const { deps } = engine;
  const enqueue = async () => (await enqueueJob(deps, request)).job.id;
  const [done, dead, open] = [await enqueue(), await enqueue(), await enqueue()];
  await completeJobs(deps, [{ ...(await claim(engine, done)), result: '1' }]);
  await failJobs(deps, [{ ...(await claim(engine, dead)), error: 'no', retryable: false }]);
  const step = { name: 'a', type: request.type, payload: '{}', max_retries: 0 };
  const workflow = await started(deps, [step]);
  await cancelWorkflow(deps, workflow.id, { actor: 'test' });
  const left = async () =>
    (await deps.store.getJobs([done, dead, open, workflow.firstJob.id])).map(({ id }) => id);
  return { ...engine, ids: { done, dead, open, step: workflow.firstJob.id }, left };
}

test('completed and cancelled work goes first, dead letters later, and what is open stays', async () => {
  const { deps, advance, ids, left } = await withEndedWork();
  const retention = { completedMs: HOUR_MS, failedMs: 3 * HOUR_MS };
  expect(await sweepEnded(deps, retention, never)).toBe(0);
  advance(2 * HOUR_MS);
  expect(await sweepEnded(deps, retention, never)).toBe(2);
  expect(await left()).toEqual([ids.dead, ids.open]);
  advance(2 * HOUR_MS);
  await sweepEnded(deps, retention, never);
  expect(await left()).toEqual([ids.open]);
});

test('without an age all is kept for ever', async () => {
  const { deps, advance, store, left } = await withEndedWork();
  advance(10_000 * HOUR_MS);
  expect(await sweepEnded(deps, {}, never)).toBe(0);
  expect(await left()).toHaveLength(4);
  expect(store.auditLog.length).toBeGreaterThan(0);
});

test('the trail goes by its own age', async () => {
  const { deps, advance, store, left } = await withEndedWork();
  advance(2 * HOUR_MS);
  await sweepEnded(deps, { trailMs: HOUR_MS }, never);
  expect(store.auditLog).toEqual([]);
  expect(await left()).toHaveLength(4);
});

test('a sweep ends at once when the signal has aborted', async () => {
  const { deps, advance, left } = await withEndedWork();
  advance(2 * HOUR_MS);
  expect(await sweepEnded(deps, { completedMs: HOUR_MS, trailMs: HOUR_MS }, AbortSignal.abort())).toBe(0);
  expect(await left()).toHaveLength(4);
});
