import { dispatchMessage } from '../events/dispatch.ts';
import type { InstanceId, JobId, StepId } from '../events/ids.ts';
import { encodePack } from '../events/pack.ts';
import { jobTopic } from '../events/topics.ts';
import type { DispatchMessage, NewJob } from './commit.ts';
import type { EngineDeps } from './deps.ts';
import type { JobRecord } from './job.ts';
import type { JobLimits } from './limits.ts';
import type { RetrySettings } from './retry-policy.ts';
import type { UniqueRule } from './unique.ts';

export interface JobRequest {
  readonly type: StepId;
  /** JSON text, as sent. */
  readonly payload: string;
  readonly maxRetries: number;
  readonly retry?: RetrySettings | undefined;
  readonly priority?: number | undefined;
  readonly runAt?: Date | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly unique?: UniqueRule | undefined;
  readonly limits?: JobLimits | undefined;
  readonly partitionKey?: string | undefined;
  readonly traceparent?: string | undefined;
}

export interface NewJobOptions extends JobRequest {
  /** Of the request as it was sent, where it has an idempotency key. */
  readonly requestHash?: Buffer | undefined;
  readonly step?: { readonly instanceId: InstanceId; readonly index: number } | undefined;
}

/** A job to be written now: queued with its message, or pending when it is due later or may have to wait for a limit. */
export function newJob(deps: EngineDeps, options: NewJobOptions): NewJob {
  const createdAt = deps.clock.now();
  const { unique, limits } = options;
  const quiet =
    unique?.mode === 'debounce' ? new Date(createdAt.getTime() + (unique.delayMs ?? 0)) : undefined;
  const runAt = quiet ?? options.runAt;
  // A job with limits is queued by the leader, once there is room for it.
  const due = !limits && (runAt === undefined || runAt <= createdAt);
  const base = {
    id: deps.newId() as JobId,
    type: options.type,
    payload: options.payload,
    priority: options.priority ?? 0,
    maxRetries: options.maxRetries,
    createdAt,
    ...defined({
      runAt,
      unique,
      limits,
      retry: options.retry,
      idempotencyKey: options.idempotencyKey,
      requestHash: options.requestHash,
      partitionKey: options.partitionKey,
      traceparent: options.traceparent,
      instanceId: options.step?.instanceId,
      stepIndex: options.step?.index,
    }),
  };
  if (!due) return { ...base, status: 'pending' };
  const message = deps.mode === 'kafka_outbox' ? firstDispatch(base) : undefined;
  return { ...base, status: 'queued', ...defined({ dispatch: message }) };
}

/** The message that hands an existing job to dispatch (again): after a retry delay, at its due time, or when it was lost. */
export function nextDispatch(job: JobRecord): DispatchMessage {
  return toMessage({ ...job, attempt: job.attempt + 1, dispatch: job.dispatches + 1 });
}

function firstDispatch(job: Omit<NewJob, 'status' | 'dispatch'>): DispatchMessage {
  return toMessage({ ...job, attempt: 1, dispatch: 1 });
}

interface Dispatchable {
  readonly id: JobId;
  readonly type: StepId;
  readonly payload: string;
  readonly maxRetries: number;
  readonly createdAt: Date;
  readonly attempt: number;
  readonly attemptBase?: number;
  readonly dispatch: number;
  readonly instanceId?: InstanceId | null;
  readonly stepIndex?: number | null;
  readonly partitionKey?: string | null;
  readonly traceparent?: string | null;
}

function toMessage(job: Dispatchable): DispatchMessage {
  const message = dispatchMessage(
    {
      dedupId: `${job.id}.${job.dispatch}`,
      jobId: job.id,
      instanceId: job.instanceId ?? undefined,
      stepIndex: job.stepIndex ?? undefined,
      type: job.type,
      attempt: job.attempt,
      retriesRemaining: Math.max(0, (job.attemptBase ?? 0) + job.maxRetries + 1 - job.attempt),
      payload: job.payload,
      createdAt: job.createdAt,
    },
    { partitionKey: job.partitionKey ?? undefined, traceparent: job.traceparent ?? undefined },
  );
  return { topic: jobTopic(job.type), message: encodePack([message]) };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The object without its undefined members: with exactOptionalPropertyTypes, absent and undefined are not the same. */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
