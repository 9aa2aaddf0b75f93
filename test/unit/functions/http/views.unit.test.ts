import { expect, test } from 'vitest';
import type { JobRecord } from '../../../../engine/job.ts';
import type { ClaimToken, InstanceId, JobId, StepId } from '../../../../events/ids.ts';
import { jobText, jobTextWithoutPayload, jobTextWithPayloadText } from '../../../../functions/http/views.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 31, 1, 2, second, 345));
const bare: JobRecord = {
  id: '0190f0f0-0000-7000-8000-000000000000' as JobId,
  type: 'a.b-c_d' as StepId,
  status: 'queued',
  payload: '{"n": 12345678901234567890}',
  result: null,
  priority: -3,
  attempt: 0,
  attemptBase: 0,
  maxRetries: 2,
  retry: null,
  dispatches: 1,
  idempotencyKey: null,
  uniqueKey: null,
  limits: null,
  partitionKey: null,
  instanceId: null,
  stepIndex: null,
  traceparent: null,
  runAt: at(1),
  token: null,
  workerId: null,
  leaseUntil: null,
  lenientLease: false,
  lastError: null,
  pastAttempts: [],
  createdAt: at(2),
  queuedAt: null,
  startedAt: null,
  completedAt: null,
  updatedAt: at(3),
};
const odd = 'a"b\\c\n\u2028é🙂\ud800';
const full: JobRecord = {
  ...bare,
  result: '[1]',
  retry: { base_ms: 5 },
  idempotencyKey: odd,
  uniqueKey: odd,
  limits: { concurrency: { key: odd, limit: 1 }, rate: { key: odd, limit: 2, per_seconds: 3 } },
  partitionKey: odd,
  instanceId: '0190f0f0-0000-7000-8000-000000000001' as InstanceId,
  stepIndex: 4,
  token: 'secret' as ClaimToken,
  workerId: odd,
  lastError: odd,
  queuedAt: at(4),
  startedAt: at(5),
  completedAt: at(6),
};

function fieldsOf(job: JobRecord) {
  return {
    id: job.id,
    idempotency_key: job.idempotencyKey,
    type: job.type,
    status: job.status,
    attempt: job.attempt,
    max_retries: job.maxRetries,
    retry: job.retry,
    priority: job.priority,
    partition_key: job.partitionKey,
    unique_key: job.uniqueKey,
    concurrency: job.limits?.concurrency ?? null,
    rate: job.limits?.rate ?? null,
    workflow_id: job.instanceId,
    step_index: job.stepIndex,
    run_at: job.runAt,
    last_error: job.lastError,
    worker_id: job.workerId,
    created_at: job.createdAt,
    queued_at: job.queuedAt,
    started_at: job.startedAt,
    completed_at: job.completedAt,
    updated_at: job.updatedAt,
  };
}

test.each([bare, full])(
  'a job is the JSON that JSON.stringify would make, its payload as it was sent',
  (job) => {
    const fields = JSON.stringify(fieldsOf(job)).slice(0, -1);
    const result = `"result":${job.result ?? 'null'}`;
    expect(jobText(job, { audit: '[]' })).toBe(`${fields},"payload":${job.payload},${result},"audit":[]}`);
    expect(jobTextWithoutPayload(job)).toBe(`${fields},"payload_omitted":true,${result}}`);
    expect(jobTextWithPayloadText(job)).toBe(
      `${fields},"payload_text":${JSON.stringify(job.payload)},${result}}`,
    );
  },
);
