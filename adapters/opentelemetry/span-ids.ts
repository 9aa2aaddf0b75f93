import { createHash } from 'node:crypto';
import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace';

/**
 * The span of an attempt has an id that anybody can compute, so that the next attempt, in another process, can link to it
 * without anything being kept for it.
 */
export function attemptSpanId(jobId: string, attempt: number): string {
  return createHash('sha256').update(`${jobId}.${attempt}`).digest('hex').slice(0, 16);
}

/** Known while the workflow runs: its steps come below a span that is sent when it is over. */
export function workflowSpanId(instanceId: string): string {
  return createHash('sha256').update(instanceId).digest('hex').slice(0, 16);
}

/** A job that came without a context has a trace named after it: the trace id is the job's id without its dashes. */
export function traceIdOf(jobId: string): string {
  return jobId.replaceAll('-', '');
}

/** Random ids, but for a span that is begun within {@link SpanIds.with}. */
export class SpanIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #next: { readonly traceId: string; readonly spanId: string } | undefined;

  with<T>(ids: { readonly traceId: string; readonly spanId: string }, begin: () => T): T {
    this.#next = ids;
    try {
      return begin();
    } finally {
      this.#next = undefined;
    }
  }

  generateTraceId(): string {
    return this.#next?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#next?.spanId ?? this.#random.generateSpanId();
  }
}
