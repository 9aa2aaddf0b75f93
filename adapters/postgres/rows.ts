import type { JobRecord, JobStatus, PastAttempt } from '../../engine/job.ts';
import type { JobLimits } from '../../engine/limits.ts';
import type { InstanceSummary } from '../../engine/ports/record-store.ts';
import type { RetrySettings } from '../../engine/retry-policy.ts';
import type { InstanceRecord, InstanceStatus, WorkflowStep } from '../../engine/workflow.ts';
import type { ClaimToken, InstanceId, JobId, StepId } from '../../events/ids.ts';
import type { InstanceSummaryRow } from './sql/list-instances.ts';

/** What a job is made of; its other columns are the database's own affair, and a batch has them a thousand times. */
export const jobColumns = `
  jobs.id, jobs.type, jobs.status, jobs.payload, jobs.result, jobs.priority, jobs.attempt, jobs.attempt_base,
  jobs.max_retries, jobs.retry, jobs.dispatches, jobs.idempotency_key, jobs.unique_key, jobs.limits, jobs.partition_key,
  jobs.instance_id, jobs.step_index, jobs.traceparent, jobs.run_at, jobs.token, jobs.worker_id, jobs.lease_until,
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
    lastError: row.last_error,
    pastAttempts: JSON.parse(row.past_attempts) as PastAttempt[],
    createdAt: row.created_at,
    queuedAt: row.queued_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    updatedAt: row.updated_at,
  };
}

/** Columns of `workflow_instances`, prefixed so that they can stand beside a job's. */
export interface InstanceRow {
  instance_key: string;
  instance_name: string;
  instance_foreign_id: string | null;
  instance_status: string;
  instance_steps: string;
  /** The payloads of the steps as text: parsing `instance_steps` would lose large numbers and key order. */
  instance_step_payloads: string[];
  instance_current_step: number;
  instance_outputs: string[];
  instance_failure_reason: string | null;
  instance_version: number;
  instance_created_at: Date;
  instance_updated_at: Date;
  instance_completed_at: Date | null;
}

export function toInstanceSummary(row: InstanceSummaryRow): InstanceSummary {
  return {
    id: row.id as InstanceId,
    name: row.name,
    foreignId: row.foreign_id,
    status: row.status as InstanceStatus,
    currentStep: row.current_step,
    totalSteps: row.total_steps,
    failureReason: row.failure_reason,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    completedAt: row.completed_at,
  };
}

export function toInstance(row: InstanceRow): InstanceRecord {
  const steps = JSON.parse(row.instance_steps) as Omit<WorkflowStep, 'payload'>[];
  return {
    id: row.instance_key as InstanceId,
    name: row.instance_name,
    foreignId: row.instance_foreign_id,
    status: row.instance_status as InstanceStatus,
    steps: steps.map((step, index) => ({ ...step, payload: row.instance_step_payloads[index] ?? '{}' })),
    currentStep: row.instance_current_step,
    outputs: row.instance_outputs,
    failureReason: row.instance_failure_reason,
    version: row.instance_version,
    createdAt: row.instance_created_at,
    updatedAt: row.instance_updated_at,
    completedAt: row.instance_completed_at,
  };
}
