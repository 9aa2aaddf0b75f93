import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { EndedWorkflow } from '../../engine/workflow-ends.ts';
import { type SpanIds, workflowSpanId } from './span-ids.ts';
import { contextOf, parseTraceparent } from './traceparent.ts';

/** One that was accepted while nothing was traced has no span: nobody would look for it. */
export function traceWorkflow(tracer: Tracer, ids: SpanIds, ended: EndedWorkflow): void {
  const { id, name, status, reason, traceparent, createdAt } = ended;
  const parent = parseTraceparent(traceparent ?? undefined);
  if (!parent) return;
  const span = ids.with({ traceId: parent.traceId, spanId: workflowSpanId(id) }, () =>
    tracer.startSpan(
      `workflow ${name}`,
      {
        kind: SpanKind.INTERNAL,
        startTime: createdAt,
        attributes: {
          'millrace.workflow.id': id,
          'millrace.workflow.name': name,
          'millrace.workflow.status': status,
        },
      },
      contextOf(traceparent ?? undefined),
    ),
  );
  if (status === 'failed') span.setStatus({ code: SpanStatusCode.ERROR, message: reason ?? 'failed' });
  span.end();
}
