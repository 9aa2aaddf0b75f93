import type { ClaimToken, InstanceId, JobId, StepId, Topic } from '../events/ids.ts';
import type { JobStatus, PastAttempt } from './job.ts';
import type { JobLimits } from './limits.ts';
import type { RetrySettings } from './retry-policy.ts';
import type { UniqueRule } from './unique.ts';
import type { HistoryEntry } from './workflow/effects.ts';
import type { InlineDefinition } from './workflow/inline-definition.ts';
import type { DefinitionRef, ParentRef } from './workflow/instance-record.ts';
import type { InstanceState, InstanceStatus } from './workflow/state.ts';
import type { EndedWorkflow } from './workflow-ends.ts';

/**
 * One transaction, as a value. The units are independent: each is applied whole or, when what it expects no longer holds,
 * not at all, and the store says which.
 */
export interface Commit {
  readonly units: readonly CommitUnit[];
}

export interface CommitUnit {
  /** Absent when an instance moves by itself: by a signal, a timer, a cancel. */
  readonly job?: JobChange;
  readonly instance?: InstanceChange;
  /** Instances that begin with this unit. */
  readonly start?: readonly NewInstance[];
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
  /** The job was queued, and this move is its claim as well: the attempt begins and ends with it. */
  readonly claimedBy?: string;
  /** The attempt does not count against the job's retries. */
  readonly attemptIsLost?: true;
  /** A redrive: the attempts so far no longer count against the job's retries. */
  readonly freshRetries?: true;
  /** The message to put into the outbox with this move, when the job goes (back) to dispatch through a broker. */
  readonly dispatch?: DispatchMessage;
}

export interface InstanceChange extends InstanceWrites {
  readonly id: InstanceId;
  readonly expectedVersion: number;
  /** The activations whose jobs end with this change, unless they have ended. */
  readonly endJobs?: EndedJobs;
  readonly closeTasks?: readonly number[];
  /** The message that led to this change and is removed with it. */
  readonly message?: string;
  /** Where the instance ends with this change: for those who watch, not to be stored. */
  readonly ended?: EndedWorkflow;
}

export interface EndedJobs {
  readonly activations: readonly number[];
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** What is written of an instance when it begins and with every change. */
export interface InstanceWrites {
  readonly status: InstanceStatus;
  readonly state: InstanceState;
  /** JSON text of an object; absent when it stays. */
  readonly variables?: string;
  readonly currentStep: number;
  readonly failureReason: string | null;
  /** When the instance is to be looked at by itself. */
  readonly dueAt?: Date;
  readonly history: readonly HistoryEntry[];
  readonly openTasks?: readonly OpenTask[];
  /** Messages to other instances, decided about one after the other. */
  readonly tell?: readonly Message[];
}

export interface OpenTask {
  readonly activation: number;
  readonly step: string;
  readonly name: string;
}

/** To an instance, by its id or as the child of a step. */
export interface Message {
  readonly to: { readonly id: InstanceId } | { readonly childOf: ParentRef };
  /** JSON text: see `commands/messages.ts`. */
  readonly text: string;
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

/** An instance that begins, as far as it goes without waiting for anything. */
export interface NewInstance extends InstanceWrites {
  readonly id: InstanceId;
  readonly name: string;
  readonly foreignId?: string;
  readonly definition: DefinitionRef;
  /** The definition, where it came with the request: to be kept, unless it is. */
  readonly inline?: InlineDefinition;
  readonly variables: string;
  readonly totalSteps: number;
  readonly parent?: ParentRef;
  readonly traceparent?: string;
  readonly createdAt: Date;
  readonly jobs: readonly NewJob[];
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
  'WORKFLOW_NOT_CHAINED',
  'WORKFLOW_COMPLETED',
  'WORKFLOW_FAILED',
  'WORKFLOW_CANCELLED',
  'WORKFLOW_RESUMED',
  'WORKFLOW_PAUSED',
  'SCHEDULE_CHANGED',
  'SCHEDULE_RUN',
  'RECORD_CHANGED',
] as const;

export type AuditAction = (typeof auditActions)[number];
