import type { Clock } from '../../engine/ports/clock.ts';
import { type Logger, withFields } from '../../engine/ports/logger.ts';
import type { Job, JobContext, JobHandlers } from '../define.ts';
import { isNonRetryable } from '../non-retryable-error.ts';
import { retryAfterOf } from '../retry-after-error.ts';
import type { AttemptLimits } from './attempt-limits.ts';
import type { AttemptSpans } from './attempt-spans.ts';
import type { HeldLease } from './lease-keeper.ts';
import { errorText, resultText } from './result-text.ts';

/** What came of one attempt. */
export type Settlement =
  | { readonly kind: 'complete'; readonly result: string }
  | {
      readonly kind: 'fail';
      readonly error: string;
      readonly retryable: boolean;
      readonly retryAfterMs?: number | undefined;
    }
  /** The job has gone elsewhere: there is nothing to tell. */
  | { readonly kind: 'lost' };

export const NOT_STARTED: Settlement = {
  kind: 'fail',
  error: 'The worker had to stop before it could start this attempt. Nothing was run.',
  retryable: true,
};

export interface AttemptOptions {
  readonly handlers: JobHandlers;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: AttemptLimits;
  readonly heartbeat: (lease: HeldLease) => Promise<void>;
  readonly spans: AttemptSpans;
}

/** How long a handler has to obey its signal before the worker goes on without it, in milliseconds. */
const OBEY_MS = 1_000;

/** Runs the handler of a claimed job. Never rejects: a handler's error is the job's, not the batch's. */
export async function runAttempt(
  lease: HeldLease,
  payloadText: string,
  options: AttemptOptions,
): Promise<Settlement> {
  const span = options.spans.begin(lease);
  const attempt: Attempt = {
    lease,
    payloadText,
    traceparent: span?.traceparent ?? lease.claim.traceparent,
    logger: withFields(options.logger, idsOf(lease, span?.traceId)),
  };
  if (!span) return run(attempt, options);
  const settlement = await span.run(() => run(attempt, options));
  span.end(settlement.kind, settlement.kind === 'fail' ? settlement.error : undefined);
  return settlement;
}

interface Attempt {
  readonly lease: HeldLease;
  readonly payloadText: string;
  readonly traceparent: string | undefined;
  /** With the ids of the job on every line. */
  readonly logger: Logger;
}

async function run(attempt: Attempt, options: AttemptOptions): Promise<Settlement> {
  const { lease, payloadText, logger } = attempt;
  const { type } = lease.claim.job;
  const handler = Object.hasOwn(options.handlers, type) ? options.handlers[type] : undefined;
  if (!handler) return noHandler(type, options.handlers);
  const payload = parse(payloadText);
  if ('problem' in payload) return { kind: 'fail', error: payload.problem, retryable: false };
  const obedience = new Obedience(lease.signal, options.clock);
  options.limits.begin(lease);
  try {
    const context = createContext(attempt, { payload: payload.value, options });
    // The payload's type is what the handler's author declared for what was enqueued: nothing here can check it.
    const running = (async () => handler(context as JobContext<never>))();
    return settle(await Promise.race([running, obedience.refused]), lease);
  } catch (error) {
    if (lease.isLost()) return { kind: 'lost' };
    const retryable = !isNonRetryable(error);
    logger.warn('an attempt failed', { retryable, error });
    return { kind: 'fail', error: errorText(error), retryable, retryAfterMs: retryAfterOf(error) };
  } finally {
    options.limits.end(lease);
    obedience.end();
  }
}

function settle(value: unknown, lease: HeldLease): Settlement {
  if (lease.isLost()) return { kind: 'lost' };
  const result = resultText(value);
  if ('problem' in result) return { kind: 'fail', error: result.problem, retryable: false };
  return { kind: 'complete', result: result.text };
}

function noHandler(type: string, handlers: JobHandlers): Settlement {
  const known = Object.keys(handlers).sort().join(', ') || 'none';
  const error = `This worker has no handler for job type "${type}"; it has: ${known}. Add one to jobs in millrace.config.ts.`;
  return { kind: 'fail', error, retryable: false };
}

function parse(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return {
      problem: `The payload is not JSON: ${errorText(error)}. Enqueue the job again with a JSON payload.`,
    };
  }
}

/** Gives up waiting for a handler that still runs a while after its signal: it would hold its partition for ever. */
class Obedience {
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #refusal = Promise.withResolvers<never>();
  readonly #demand = () => void this.#wait();
  #ended: AbortController | undefined;

  constructor(signal: AbortSignal, clock: Clock) {
    this.#signal = signal;
    this.#clock = clock;
    if (signal.aborted) this.#demand();
    else signal.addEventListener('abort', this.#demand, { once: true });
  }

  /** Rejects when the time to obey is over. */
  get refused(): Promise<never> {
    return this.#refusal.promise;
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#demand);
    this.#ended?.abort();
  }

  async #wait(): Promise<void> {
    this.#ended = new AbortController();
    await this.#clock.sleep(OBEY_MS, this.#ended.signal);
    if (this.#ended.signal.aborted) return;
    const { reason } = this.#signal;
    this.#refusal.reject(new Error(`The attempt was stopped: ${errorText(reason)}.`, { cause: reason }));
  }
}

interface ContextParts {
  readonly payload: unknown;
  readonly options: AttemptOptions;
}

function createContext(running: Attempt, parts: ContextParts): JobContext {
  const { lease, payloadText, traceparent, logger } = running;
  const { attempt, job: claimed } = lease.claim;
  const { payload, options } = parts;
  const job: Job = { ...claimed, id: lease.id, attempt, payload, payloadText };
  return {
    job,
    attempt,
    token: lease.token,
    signal: lease.signal,
    heartbeat: () => options.heartbeat(lease),
    traceparent,
    logger,
  };
}

function idsOf({ id, claim }: HeldLease, traceId: string | undefined) {
  const { attempt, traceparent, job } = claim;
  const trace_id = traceId ?? traceparent?.split('-')[1];
  return {
    job_id: id,
    type: job.type,
    attempt,
    ...(job.instanceId === null ? {} : { instance_id: job.instanceId }),
    ...(trace_id === undefined ? {} : { trace_id }),
  };
}
