import type { JobRecord, JobStatus, PastAttempt } from '../../engine/job.ts';
import type { JobLimits } from '../../engine/limits.ts';
import type { RetrySettings } from '../../engine/retry-policy.ts';
import type { ClaimToken, InstanceId, JobId, StepId } from '../../events/ids.ts';

/** What a job is made of; its other columns are the database's own affair, and a batch has them a thousand times. */
export const jobColumns = `
  jobs.id, jobs.type, jobs.status, jobs.payload, jobs.result, jobs.priority, jobs.attempt, jobs.attempt_base,
  jobs.max_retries, jobs.retry, jobs.dispatches, jobs.idempotency_key, jobs.unique_key, jobs.limits, jobs.partition_key,
  jobs.instance_id, jobs.step_index, jobs.traceparent, jobs.run_at, jobs.token, jobs.worker_id, jobs.lease_until,
  jobs.lenient_lease,
  jobs.last_error, jobs.past_attempts, jobs.created_at, jobs.queued_at, jobs.started_at, jobs.completed_at, jobs.updated_at
`;

/** Columns of `jobs` as the statements of this folder select them: {@link jobColumns}, or all. */
export interface JobRow {
  id: string;
  type: string;
  status: string;
  payload: string;
  result: string | null;
  priority: number;
  attempt: number;
  attempt_base: number;
  max_retries: number;
  retry: string | null;
  dispatches: number;
  idempotency_key: string | null;
  unique_key: string | null;
  limits: string | null;
  partition_key: string | null;
  instance_id: string | null;
  step_index: number | null;
  traceparent: string | null;
  run_at: Date;
  token: string | null;
  worker_id: string | null;
  lease_until: Date | null;
  lenient_lease: boolean;
  last_error: string | null;
  past_attempts: string;
  created_at: Date;
  queued_at: Date | null;
  started_at: Date | null;
  completed_at: Date | null;
  updated_at: Date;
}

export function toJob(row: JobRow): JobRecord {
  return {
    id: row.id as JobId,
    type: row.type as StepId,
    status: row.status as JobStatus,
    payload: row.payload,
    result: row.result,
    priority: row.priority,
    attempt: row.attempt,
    attemptBase: row.attempt_base,
    maxRetries: row.max_retries,
    retry: row.retry === null ? null : (JSON.parse(row.retry) as RetrySettings),
    dispatches: row.dispatches,
    idempotencyKey: row.idempotency_key,
    uniqueKey: row.unique_key,
    limits: row.limits === null ? null : (JSON.parse(row.limits) as JobLimits),
    partitionKey: row.partition_key,
    instanceId: row.instance_id as InstanceId | null,
    stepIndex: row.step_index,
    traceparent: row.traceparent,
    runAt: row.run_at,
    token: row.token as ClaimToken | null,
    workerId: row.worker_id,
    leaseUntil: row.lease_until,
    lenientLease: row.lenient_lease,
    lastError: row.last_error,
    pastAttempts: JSON.parse(row.past_attempts) as PastAttempt[],
    createdAt: row.created_at,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    updatedAt: row.updated_at,
  };
}
