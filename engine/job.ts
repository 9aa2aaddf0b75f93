import type { ClaimToken, InstanceId, JobId, StepId } from '../events/ids.ts';
import type { JobLimits } from './limits.ts';
import type { RetrySettings } from './retry-policy.ts';

export const jobStatuses = [
  'pending',
  'queued',
  'running',
  'completed',
  'failed',
  'retrying',
  'dead_letter',
  'cancelled',
] as const;

export type JobStatus = (typeof jobStatuses)[number];

/**
 * Every move a job can make. `failed` is passed through within one commit and never stored: a failed attempt is
 * `retrying` or `dead_letter` by the time anyone can see it. The SQL that writes a state carries the same guard.
 */
export const jobTransitions: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  pending: ['queued', 'cancelled'],
  queued: ['running', 'dead_letter', 'cancelled'],
  running: ['completed', 'failed', 'cancelled'],
  failed: ['retrying', 'dead_letter', 'cancelled'],
  retrying: ['queued', 'cancelled'],
  completed: [],
  // Only by a redrive, which somebody asks for: by themselves these two are ends.
  dead_letter: ['queued', 'pending'],
  cancelled: ['queued', 'pending'],
};

export function canMove(from: JobStatus, to: JobStatus): boolean {
  return jobTransitions[from].includes(to);
}

/** Whether a job in this state has ended: it does not leave it by itself. */
export function hasEnded(status: JobStatus): boolean {
  return status === 'completed' || status === 'dead_letter' || status === 'cancelled';
}

export function isJobStatus(text: string): text is JobStatus {
  return jobStatuses.some((status) => status === text);
}

/** A job as it stands in the store. JSON values are text, byte for byte as they were accepted. */
export interface JobRecord {
  readonly id: JobId;
  readonly type: StepId;
  readonly status: JobStatus;
  readonly payload: string;
  readonly result: string | null;
  readonly priority: number;
  /** Attempts begun; 0 before the first claim. */
  readonly attempt: number;
  /** Attempts that began before the last redrive: these do not count against `maxRetries`. */
  readonly attemptBase: number;
  readonly maxRetries: number;
  /** Where the job departs from the default retry policy. */
  readonly retry: RetrySettings | null;
  /** Times the job was handed to dispatch. */
  readonly dispatches: number;
  readonly idempotencyKey: string | null;
  readonly uniqueKey: string | null;
  readonly limits: JobLimits | null;
  readonly partitionKey: string | null;
  readonly instanceId: InstanceId | null;
  readonly stepIndex: number | null;
  readonly traceparent: string | null;
  readonly runAt: Date;
  readonly token: ClaimToken | null;
  readonly workerId: string | null;
  readonly leaseUntil: Date | null;
  /** The worker cannot extend its lease: an attempt that it does not end in time does not count. */
  readonly lenientLease: boolean;
  readonly lastError: string | null;
  readonly pastAttempts: readonly PastAttempt[];
  readonly createdAt: Date;
  readonly queuedAt: Date | null;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly updatedAt: Date;
}

/** An attempt that ended without completing its job. Times are ISO 8601. */
export interface PastAttempt {
  readonly attempt: number;
  readonly worker_id: string | null;
  readonly started_at: string | null;
  readonly ended_at: string;
  readonly error: string;
}
