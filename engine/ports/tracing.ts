import type { EndedWorkflow } from '../workflow-ends.ts';

/**
 * Where spans begin. A process that traces nothing has none of this: callers hold it as `Tracing | undefined`. No call
 * fails or waits; spans that cannot be sent are dropped. A `traceparent` is W3C's text form of a trace context.
 */
export interface Tracing {
  /** The acceptance of a job, or of a workflow, whose steps then come below it. */
  accept(subject: Acceptance): AcceptSpan;
  /** All of a workflow's run, once it is over: below its acceptance, and above its steps. */
  workflow(ended: EndedWorkflow): void;
  /** One attempt of a job; each is linked to the one before it. */
  attempt(subject: Attempt): AttemptSpan;
  /** One call to the broker for many messages: a trace of its own, linked to some of theirs. */
  publish(batch: PublishedBatch): Span;
  /** Sends what has ended. Where the process may be frozen at any time (Lambda), before each answer. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export type SpanFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Span {
  /** The first call counts. */
  end(fields?: SpanFields, error?: unknown): void;
}

export interface AcceptSpan extends Span {
  /** To be kept with what is accepted. */
  readonly traceparent: string;
}

export interface AttemptSpan {
  readonly traceparent: string;
  readonly traceId: string;
  /** With the span as the active one, so that what the work traces comes below it. */
  run<T>(work: () => T): T;
  end(outcome: string, error?: unknown): void;
  /** The recording of the result, below the attempt. */
  settle(): Span;
}

export type MessagingSystem = 'kafka' | 'postgresql';

export interface Acceptance {
  readonly kind: 'job' | 'workflow';
  /** Type of the job, or name of the workflow. */
  readonly name: string;
  readonly system: MessagingSystem;
  /** The caller's context. */
  readonly parent: string | undefined;
}

export interface Attempt {
  readonly jobId: string;
  readonly type: string;
  readonly attempt: number;
  readonly instanceId: string | null;
  readonly system: MessagingSystem;
  /** What was kept when the job was accepted; without it the trace is named after the job. */
  readonly parent: string | undefined;
}

export interface PublishedBatch {
  readonly messages: number;
  /** Undefined where messages were published one by one. */
  readonly packs: number | undefined;
  readonly topics: readonly string[];
  readonly term: string;
  readonly links: readonly string[];
}
