import { context, ROOT_CONTEXT, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Acceptance, AcceptSpan, PublishedBatch, Span, Tracing } from '../../engine/ports/tracing.ts';
import { beginAttempt } from './attempt.ts';
import type { TracingConfig } from './config.ts';
import { SpanIds } from './span-ids.ts';
import { destinationOf, endSpan } from './spans.ts';
import { contextOf, formatTraceparent, parseTraceparent } from './traceparent.ts';
import { traceWorkflow } from './workflow.ts';

/** Soon enough for a person who looks, and few requests. */
const EXPORT_EVERY_MS = 1_000;

/** Spans to the OTLP endpoint of the environment. Registers itself, unless the process has tracing of its own already. */
export function createTracing({ serviceName, ratio }: TracingConfig): Tracing {
  const ids = new SpanIds();
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    idGenerator: ids,
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis: EXPORT_EVERY_MS }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  const tracer = provider.getTracer('millrace');
  return {
    accept: (subject) => beginAcceptance(tracer, subject),
    workflow: (ended) => traceWorkflow(tracer, ids, ended),
    attempt: (subject) => beginAttempt(tracer, ids, subject),
    publish: (batch) => beginPublish(tracer, batch),
    flush: () => provider.forceFlush(),
    close: () => provider.shutdown(),
  };
}

function beginAcceptance(tracer: Tracer, { kind, name, system, parent }: Acceptance): AcceptSpan {
  const attributes =
    kind === 'workflow'
      ? { 'millrace.workflow.name': name }
      : { 'millrace.job.type': name, 'messaging.destination.name': destinationOf(name, system) };
  const span = tracer.startSpan(
    `create ${kind === 'workflow' ? name : destinationOf(name, system)}`,
    {
      kind: SpanKind.PRODUCER,
      attributes: { 'messaging.system': system, 'messaging.operation.type': 'create', ...attributes },
    },
    contextOf(parent),
  );
  return {
    traceparent: formatTraceparent(span.spanContext()),
    end: (fields, error) => endSpan(span, fields, error),
  };
}

function beginPublish(tracer: Tracer, { messages, packs, topics, term, links }: PublishedBatch): Span {
  const span = tracer.startSpan(
    topics.length === 1 ? `send ${topics[0]}` : 'send',
    {
      kind: SpanKind.PRODUCER,
      links: links.flatMap((text) => {
        const linked = parseTraceparent(text);
        return linked ? [{ context: linked }] : [];
      }),
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.type': 'send',
        'messaging.batch.message_count': messages,
        'millrace.relay.term': term,
        ...(packs === undefined ? {} : { 'millrace.packs': packs }),
        ...(topics.length === 1 ? { 'messaging.destination.name': topics[0] } : {}),
      },
    },
    ROOT_CONTEXT,
  );
  return { end: (fields, error) => endSpan(span, fields, error) };
}
