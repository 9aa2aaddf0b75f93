import { isMillraceError } from '../../engine/errors.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { AttemptSpans } from './attempt-spans.ts';
import { Coalescer } from './coalescer.ts';
import type { HeldLease } from './lease-keeper.ts';
import { errorText } from './result-text.ts';
import type { Settlement } from './run-attempt.ts';
import type { JobFailure, JobResult, SettleAnswer, WorkerApi } from './worker-api.ts';

/** A result waits this long for others, in milliseconds, so that a slow handler does not hold up its neighbours' results. */
const WINDOW = { maxCount: 1000, sendCount: 100, maxDelayMs: 20 } as const;

export interface ReporterOptions {
  readonly api: WorkerApi;
  readonly clock: Clock;
  readonly spans: AttemptSpans;
  /** Aborts when there is no time left for requests. */
  readonly end: AbortSignal;
}

/** Records results through the API, many in a call. */
export class Reporter {
  readonly #results: Coalescer<JobResult, SettleAnswer>;
  readonly #failures: Coalescer<JobFailure, SettleAnswer>;
  readonly #clock: Clock;
  readonly #spans: AttemptSpans;

  constructor({ api, clock, end, spans }: ReporterOptions) {
    this.#clock = clock;
    this.#spans = spans;
    this.#results = new Coalescer<JobResult, SettleAnswer>({
      ...WINDOW,
      clock,
      send: isolating((results) => api.complete(results, end)),
    });
    this.#failures = new Coalescer<JobFailure, SettleAnswer>({
      ...WINDOW,
      clock,
      send: isolating((failures) => api.fail(failures, end)),
    });
  }

  /** Resolves once it is recorded, be it as late. Rejects when it could not be. */
  async report(lease: HeldLease, settlement: Settlement): Promise<SettleAnswer | undefined> {
    const span = this.#spans.settle(lease);
    try {
      const answer = await this.#settle(lease, settlement);
      span.end({ 'millrace.job.status': answer && 'status' in answer ? answer.status : 'lost' });
      return answer;
    } catch (error) {
      span.end({}, error);
      throw error;
    }
  }

  async #settle({ id, token, since }: HeldLease, settlement: Settlement): Promise<SettleAnswer | undefined> {
    switch (settlement.kind) {
      case 'lost':
        return undefined;
      case 'fail': {
        const { error, retryable, retryAfterMs } = settlement;
        return this.#failures.add({ id, token, error, retryable, retryAfterMs });
      }
      case 'complete':
        return this.#complete({ id, token, result: settlement.result, heldMs: this.#heldMs(since) });
      default:
        return settlement satisfies never;
    }
  }

  flush(): void {
    this.#results.flush();
    this.#failures.flush();
  }

  /** A clock that was set back has measured nothing. */
  #heldMs(since: number): number {
    return Math.max(0, this.#clock.now().getTime() - since);
  }

  async #complete(result: JobResult): Promise<SettleAnswer> {
    try {
      return await this.#results.add(result);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // The API will never take this result, so without a word about it the record would come again for ever.
      const { id, token } = result;
      const reason = `The result was refused: ${errorText(error)}`;
      const failed = this.#failures.add({ id, token, error: reason, retryable: false });
      this.#failures.flush();
      return failed;
    }
  }
}

/** When the API refuses a call of many, each is sent alone: one bad entry must not fail its neighbours. */
function isolating<Item>(send: (items: readonly Item[]) => Promise<SettleAnswer[]>) {
  return async (items: readonly Item[]): Promise<(SettleAnswer | Error)[]> => {
    try {
      return await send(items);
    } catch (error) {
      if (!isRefusal(error) || items.length === 1) throw error;
      const alone = await Promise.allSettled(items.map((item) => send([item])));
      return alone.map((outcome) =>
        outcome.status === 'rejected' ? asError(outcome.reason) : (outcome.value[0] ?? asError(error)),
      );
    }
  };
}

function isRefusal(error: unknown): boolean {
  return isMillraceError(error) && (error.code === 'invalid_request' || error.code === 'body_too_large');
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
