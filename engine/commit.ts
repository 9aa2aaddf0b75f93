import type { ClaimToken, InstanceId, JobId, StepId, Topic } from '../events/ids.ts';
import type { JobStatus, PastAttempt } from './job.ts';
import type { JobLimits } from './limits.ts';
import type { RetrySettings } from './retry-policy.ts';
import type { UniqueRule } from './unique.ts';
import type { InstanceStatus, WorkflowStep } from './workflow.ts';

/**
 * One transaction, as a value. The units are independent: each is applied whole or, when what it expects no longer holds,
 * not at all, and the store says which.
 */
export interface Commit {
  readonly units: readonly CommitUnit[];
}

export interface CommitUnit {
  readonly job: JobChange;
  readonly instance?: InstanceChange;
  readonly enqueue: readonly NewJob[];
  readonly audit: readonly AuditEntry[];
}

/** A job's move, with the condition under which it is still the right one. */
export interface JobChange {
  readonly id: JobId;
  readonly expect: {
    readonly status: JobStatus;
    readonly attempt: number;
    /** The token the caller showed; absent for moves that need none (timers, reclaim). */
    readonly token?: ClaimToken;
    /** The lease must have run out, so that a heartbeat that came in between saves the attempt. */
    readonly leaseExpired?: true;
  };
  readonly status: JobStatus;
  readonly result?: string;
  readonly lastError?: string;
  /** Appended to the job's past attempts; the store fills in worker and times. */
  readonly endedAttempt?: Pick<PastAttempt, 'attempt' | 'error'>;
  /** When `status` is `retrying`: from now, by the database's clock, in milliseconds. */
  readonly delayMs?: number;
  /** A redrive: the attempts so far no longer count against the job's retries. */
  readonly freshRetries?: true;
  /** The message to put into the outbox with this move, when the job goes (back) to dispatch through a broker. */
  readonly dispatch?: DispatchMessage;
}

export interface InstanceChange {
  readonly id: InstanceId;
  readonly expectedVersion: number;
  readonly status: InstanceStatus;
  readonly currentStep: number;
  /** JSON text to append to the instance's outputs. */
  readonly output?: string;
  /** An instance that goes on (`running`) has none, and loses that of a failure it is taken back from. */
  readonly failureReason?: string;
}

/** An encoded message of one job for one topic: `message` is a pack of one (events/pack.ts). */
export interface DispatchMessage {
  readonly topic: Topic;
  readonly message: Buffer;
}

/** A job to be written. `status` is `pending` when it is not due yet, otherwise `queued`. */
export interface NewJob {
  readonly id: JobId;
  readonly type: StepId;
  readonly status: 'pending' | 'queued';
  readonly payload: string;
  readonly priority: number;
  readonly maxRetries: number;
  readonly retry?: RetrySettings;
  readonly createdAt: Date;
  readonly runAt?: Date;
  readonly idempotencyKey?: string;
  /** SHA-256 over what was asked for under the idempotency key. */
  readonly requestHash?: Buffer;
  readonly unique?: UniqueRule;
  readonly limits?: JobLimits;
  readonly partitionKey?: string;
  readonly instanceId?: InstanceId;
  readonly stepIndex?: number;
  readonly traceparent?: string;
  readonly dispatch?: DispatchMessage;
}

export interface NewInstance {
  readonly id: InstanceId;
  readonly name: string;
  readonly foreignId?: string;
  readonly steps: readonly WorkflowStep[];
  readonly createdAt: Date;
  readonly firstJob: NewJob;
}

export interface AuditEntry {
  readonly action: AuditAction;
  readonly actor: string;
  readonly jobId?: JobId;
  readonly instanceId?: InstanceId;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export const auditActions = [
  'DISPATCHED_VIA_BROKER',
  'DISPATCH_REFUSED',
  'JOB_RETRYING',
  'JOB_DEAD_LETTER',
  'JOB_CANCELLED',
  'LEASE_EXPIRED',
  'REDISPATCHED',
  'REDRIVEN',
  'LATE_RESULT_REFUSED',
  'WORKFLOW_STARTED',
  'WORKFLOW_COMPLETED',
  'WORKFLOW_FAILED',
  'WORKFLOW_CANCELLED',
  'WORKFLOW_RESUMED',
  'SCHEDULE_CHANGED',
  'SCHEDULE_RUN',
] as const;

export type AuditAction = (typeof auditActions)[number];
