import type { AcceptSpan, SpanFields } from '../../engine/ports/tracing.ts';
import type { App } from '../compose.ts';
import { traceparentOf } from './accept.ts';
import type { HttpEvent } from './shape.ts';

interface Subjects<T> {
  readonly kind: 'job' | 'workflow';
  readonly names: readonly string[];
  readonly event: HttpEvent;
  /** With the context to keep with each; undefined where nothing is traced, and the caller's is kept as it came. */
  readonly accept: (traceparents: readonly string[] | undefined) => Promise<T>;
  /** Of what was accepted, in the order of the names. */
  readonly fieldsOf: (accepted: T) => readonly SpanFields[];
}

/** Accepts jobs or workflows, each within a span of its own: whatever runs for it comes below that one. */
export async function acceptWithin<T>({ tracing, deps }: App, subjects: Subjects<T>): Promise<T> {
  if (!tracing) return subjects.accept(undefined);
  const { kind, names, event, accept, fieldsOf } = subjects;
  const { accept: begin, flush } = await tracing.open;
  const system = deps.mode === 'kafka_outbox' ? 'kafka' : 'postgresql';
  const spans = names.map((name): AcceptSpan => begin({ kind, name, system, parent: traceparentOf(event) }));
  try {
    const accepted = await accept(spans.map(({ traceparent }) => traceparent));
    const fields = fieldsOf(accepted);
    for (const [index, span] of spans.entries()) span.end(fields[index]);
    return accepted;
  } catch (error) {
    for (const span of spans) span.end({}, error);
    throw error;
  } finally {
    if (tracing.flushEach) await flush();
  }
}
