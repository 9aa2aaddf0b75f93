import type { AttemptSpan, MessagingSystem, Span, Tracing } from '../../engine/ports/tracing.ts';
import type { HeldLease } from './lease-keeper.ts';

/** What a worker needs of tracing; `openTracing` of this package's command gives it. */
export type WorkerTracing = Pick<Tracing, 'attempt'>;

const NOTHING: Span = { end: () => undefined };

/** The spans of the attempts under way, by their leases. Without tracing it keeps nothing and costs next to nothing. */
export class AttemptSpans {
  readonly #tracing: WorkerTracing | undefined;
  readonly #system: MessagingSystem;
  readonly #spans = new WeakMap<HeldLease, AttemptSpan>();

  constructor(tracing: WorkerTracing | undefined, system: MessagingSystem) {
    this.#tracing = tracing;
    this.#system = system;
  }

  begin(lease: HeldLease): AttemptSpan | undefined {
    if (!this.#tracing) return undefined;
    const { attempt, traceparent, job } = lease.claim;
    const span = this.#tracing.attempt({
      jobId: lease.id,
      type: job.type,
      attempt,
      instanceId: job.instanceId,
      system: this.#system,
      parent: traceparent,
    });
    this.#spans.set(lease, span);
    return span;
  }

  /** From the end of the handler until its result is recorded. */
  settle(lease: HeldLease): Span {
    return this.#spans.get(lease)?.settle() ?? NOTHING;
  }
}
