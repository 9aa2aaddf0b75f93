import { type Span, SpanStatusCode } from '@opentelemetry/api';
import type { MessagingSystem, SpanFields } from '../../engine/ports/tracing.ts';
import type { StepId } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';

/** Without a broker the destination is the queue of that type. */
export function destinationOf(type: string, system: MessagingSystem): string {
  return system === 'kafka' ? jobTopic(type as StepId) : type;
}

export function endSpan(span: Span, fields: SpanFields = {}, error?: unknown): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) span.setAttribute(name, value);
  }
  if (error !== undefined) failSpan(span, error);
  span.end();
}

export function failSpan(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  span.recordException(error instanceof Error ? error : message);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}
