import { MillraceError } from '../engine/errors.ts';
import { type JobPolicy, policyFault } from '../engine/job-policy.ts';
import type { Logger } from '../engine/ports/logger.ts';
import { isStepId } from '../events/ids.ts';
import type { Workflow } from './define-workflow.ts';
import type { ScheduleDeclaration } from './schedules.ts';

/** What a handler knows of the job it runs. */
export interface Job<Payload = unknown> {
  readonly id: string;
  /** The step id, which named this handler. */
  readonly type: string;
  readonly payload: Payload;
  /** The payload as it was accepted, byte for byte: parsing loses numbers beyond 2^53. */
  readonly payloadText: string;
  /** The attempt under way; the first is 1. */
  readonly attempt: number;
  readonly maxRetries: number;
  /** The workflow instance this job is a step of, or null. */
  readonly instanceId: string | null;
  readonly stepIndex: number | null;
  readonly idempotencyKey: string | null;
  readonly partitionKey: string | null;
  readonly priority: number;
  readonly createdAt: Date;
}

export interface JobContext<Payload = unknown> {
  readonly job: Job<Payload>;
  readonly attempt: number;
  /** Proof of the lease of this attempt. New for each attempt: a fencing token for what the handler writes elsewhere. */
  readonly token: string;
  /** Aborts when the lease is lost, the deadline is near, or the worker must stop. What is done after that may be done twice. */
  readonly signal: AbortSignal;
  /** Extends the lease now. The worker does so by itself every third of the lease; rejects when the lease is lost. */
  readonly heartbeat: () => Promise<void>;
  /** W3C trace context to pass on with what the handler calls: of this attempt where it is traced, else what the job came with. */
  readonly traceparent: string | undefined;
  readonly logger: Logger;
}

/**
 * The code of one job type. It returns the result (anything JSON can hold, at most 256 KB; undefined becomes null) or
 * throws: the attempt has then failed, and is repeated while retries are left unless it threw a NonRetryableError.
 * A handler may run more than once for one job, so its effects must be idempotent.
 */
export interface JobHandler<Payload = unknown, Result = unknown> {
  (context: JobContext<Payload>): Result | Promise<Result>;
  /** What holds for every job of the type: {@link defineJob}. */
  readonly policy?: JobPolicy;
}

/** Handlers by step id. `never`, so that a handler of any payload fits. */
export type JobHandlers = Readonly<Record<string, JobHandler<never, unknown>>>;

/** The payload a handler takes. */
export type PayloadOf<Handler> = Handler extends JobHandler<infer Payload, unknown> ? Payload : never;
/** The result a handler gives. */
export type ResultOf<Handler> = Handler extends (context: never) => infer Result ? Awaited<Result> : never;

/** A service: what stands in its `millrace.config.ts`. */
export interface ServiceConfig<Handlers extends JobHandlers = JobHandlers> {
  readonly jobs: Handlers;
  /** Stored when the API starts; a definition that names another comes after it. */
  readonly workflows?: readonly Workflow<unknown>[];
  /** Jobs by the clock, by name. The API makes them so when it starts. */
  readonly schedules?: Readonly<Record<string, ScheduleDeclaration<Extract<keyof Handlers, string>>>>;
}

/**
 * Gives a handler its payload and result types where it is written. The policy holds for each job of the type whose request
 * does not say otherwise, whoever enqueues it: limits on how many run and start, and a key of which one is open at a time.
 * Steps of workflows are not counted.
 */
export function defineJob<Payload, Result = unknown>(
  handler: (context: JobContext<Payload>) => Result | Promise<Result>,
  policy?: JobPolicy,
): JobHandler<Payload, Result> {
  const job = (context: JobContext<Payload>) => handler(context);
  return policy ? Object.assign(job, { policy }) : handler;
}

/**
 * Describes the service. The types of payloads and results flow from here to the client.
 * @throws MillraceError `configuration` when a name cannot be a step id or a handler is not a function
 */
export function defineConfig<const Handlers extends JobHandlers>(
  config: ServiceConfig<Handlers>,
): ServiceConfig<Handlers> {
  for (const [name, handler] of Object.entries(config.jobs)) {
    if (!isStepId(name)) {
      throw new MillraceError(
        'configuration',
        `"${name}" cannot be a job type: it names a Kafka topic. Use letters, digits, ".", "_" and "-", at most 200.`,
      );
    }
    if (typeof handler !== 'function') {
      throw new MillraceError('configuration', `jobs["${name}"] is not a function. Give it a handler.`);
    }
    const fault = handler.policy && policyFault(handler.policy);
    if (fault) throw new MillraceError('configuration', `The policy of jobs["${name}"] is wrong: ${fault}.`);
  }
  return Object.freeze(config);
}
