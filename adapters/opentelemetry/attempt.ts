import { context, type Link, SpanKind, TraceFlags, type Tracer, trace } from '@opentelemetry/api';
import type { Attempt, AttemptSpan } from '../../engine/ports/tracing.ts';
import { attemptSpanId, type SpanIds, traceIdOf, workflowSpanId } from './span-ids.ts';
import { destinationOf, endSpan, failSpan } from './spans.ts';
import { contextOf, formatTraceparent, parseTraceparent } from './traceparent.ts';

export function beginAttempt(tracer: Tracer, ids: SpanIds, subject: Attempt): AttemptSpan {
  const { jobId, type, attempt, system, parent } = subject;
  const traceId = parseTraceparent(parent)?.traceId ?? traceIdOf(jobId);
  const destination = destinationOf(type, system);
  const span = ids.with({ traceId, spanId: attemptSpanId(jobId, attempt) }, () =>
    tracer.startSpan(
      `process ${destination}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: attributesOf(subject, destination),
        links: linksOf(subject, traceId),
      },
      contextOf(aboveOf(subject)),
    ),
  );
  const own = trace.setSpan(context.active(), span);
  return {
    traceparent: formatTraceparent(span.spanContext()),
    traceId,
    run: (work) => context.with(own, work),
    end(outcome, error) {
      if (error !== undefined) failSpan(span, error);
      endSpan(span, { 'millrace.attempt.outcome': outcome });
    },
    settle() {
      const settling = tracer.startSpan(
        `settle ${destination}`,
        {
          kind: SpanKind.CLIENT,
          attributes: { ...attributesOf(subject, destination), 'messaging.operation.type': 'settle' },
        },
        own,
      );
      return { end: (fields, error) => endSpan(settling, fields, error) };
    },
  };
}

/** A step's attempt comes below its workflow, whose span has not been sent yet. */
function aboveOf({ instanceId, parent }: Attempt): string | undefined {
  const kept = parseTraceparent(parent);
  if (!kept || instanceId === null) return parent;
  return formatTraceparent({ ...kept, spanId: workflowSpanId(instanceId) });
}

function attributesOf({ jobId, type, attempt, instanceId, system }: Attempt, destination: string) {
  return {
    'messaging.system': system,
    'messaging.operation.type': 'process',
    'messaging.destination.name': destination,
    'messaging.message.id': jobId,
    'millrace.job.id': jobId,
    'millrace.job.type': type,
    'millrace.job.attempt': attempt,
    ...(system === 'kafka' ? { 'messaging.consumer.group.name': `workflow.workers.${type}` } : {}),
    ...(instanceId === null
      ? {}
      : { 'messaging.message.conversation_id': instanceId, 'millrace.workflow.id': instanceId }),
  };
}

function linksOf({ jobId, attempt }: Attempt, traceId: string): Link[] {
  if (attempt <= 1) return [];
  const spanId = attemptSpanId(jobId, attempt - 1);
  return [
    {
      context: { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true },
      attributes: { 'millrace.link': 'previous_attempt' },
    },
  ];
}
