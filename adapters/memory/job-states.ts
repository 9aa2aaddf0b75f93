import type { JobChange, NewJob } from '../../engine/commit.ts';
import { hasEnded, type JobRecord } from '../../engine/job.ts';
import { claimToken } from './leases.ts';

/** What the statements of the SQL stores do to a row, as functions. `now` is the store's clock. */
export function jobFromNew(job: NewJob, now: Date): JobRecord {
  return {
    id: job.id,
    type: job.type,
    status: job.status,
    payload: job.payload,
    result: null,
    priority: job.priority,
    attempt: 0,
    attemptBase: 0,
    maxRetries: job.maxRetries,
    retry: job.retry ?? null,
    dispatches: job.dispatch ? 1 : 0,
    idempotencyKey: job.idempotencyKey ?? null,
    uniqueKey: job.unique?.key ?? null,
    limits: job.limits ?? null,
    partitionKey: job.partitionKey ?? null,
    instanceId: job.instanceId ?? null,
    stepIndex: job.stepIndex ?? null,
    traceparent: job.traceparent ?? null,
    runAt: job.runAt ?? job.createdAt,
    token: null,
    workerId: null,
    leaseUntil: null,
    lenientLease: false,
    lastError: null,
    pastAttempts: [],
    createdAt: job.createdAt,
    queuedAt: job.status === 'queued' ? now : null,
    startedAt: null,
    completedAt: null,
    updatedAt: now,
  };
}

/** Whether what the unit expects of its job still holds. */
export function meetsExpectation(job: JobRecord, { expect }: JobChange, now: Date): boolean {
  return (
    job.status === expect.status &&
    job.attempt === expect.attempt &&
    (expect.token === undefined || job.token === expect.token) &&
    (!expect.leaseExpired || (job.leaseUntil !== null && job.leaseUntil < now))
  );
}

export function changedJob(stored: JobRecord, change: JobChange, now: Date): JobRecord {
  const { status, endedAttempt, delayMs } = change;
  const job = change.claimedBy === undefined ? stored : begun(stored, change.claimedBy, now);
  return {
    ...job,
    status,
    result: change.result ?? job.result,
    lastError: change.lastError ?? job.lastError,
    pastAttempts: endedAttempt
      ? [...job.pastAttempts, pastAttempt(job, endedAttempt.error, now)]
      : job.pastAttempts,
    uniqueKey: change.freshRetries ? null : job.uniqueKey,
    attemptBase: change.freshRetries ? job.attempt : job.attemptBase + (change.attemptIsLost ? 1 : 0),
    runAt: delayMs === undefined ? job.runAt : new Date(now.getTime() + delayMs),
    leaseUntil: null,
    queuedAt: status === 'queued' ? now : job.queuedAt,
    dispatches: job.dispatches + (change.dispatch ? 1 : 0),
    completedAt: hasEnded(status) ? now : null,
    updatedAt: now,
  };
}

function begun(job: JobRecord, workerId: string, now: Date): JobRecord {
  const attempt = job.attempt + 1;
  return { ...job, attempt, workerId, startedAt: now, token: claimToken(workerId, job.id, attempt) };
}

function pastAttempt(job: JobRecord, error: string, now: Date): JobRecord['pastAttempts'][number] {
  return {
    attempt: job.attempt,
    worker_id: job.workerId,
    started_at: job.startedAt?.toISOString() ?? null,
    ended_at: now.toISOString(),
    error,
  };
}
