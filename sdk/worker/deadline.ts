import type { Clock } from '../../engine/ports/clock.ts';

/** How long the work on a batch may go on. */
export interface Deadline {
  /** Whether more jobs may be claimed. */
  mayClaim(): boolean;
  /** Whether a claimed job may still be started. */
  mayStart(): boolean;
  /** Claim no more work at a time than fits into this many milliseconds: a claim that cannot start costs an attempt. */
  horizonMs(): number;
  /** Until what runs must stop. */
  leftMs(): number;
  /** Aborts shortly before the end: what runs must stop now, so that there is time left to say so. */
  readonly stop: AbortSignal;
  /** Aborts at the very end: requests under way are given up. */
  readonly end: AbortSignal;
}

/** Time kept free before the end: for starting nothing new, for stopping what runs, for the last requests. */
const MARGIN = {
  start: { ms: 5_000, share: 0.25 },
  stop: { ms: 2_000, share: 0.15 },
  end: { ms: 300, share: 0.03 },
} as const;

/** The deadline of one Lambda invocation. Dispose of it when the invocation ends: no timer may outlive that. */
export function lambdaDeadline(remainingMs: () => number, clock: Clock): Deadline & Disposable {
  const total = remainingMs();
  const margin = (of: keyof typeof MARGIN) => Math.min(MARGIN[of].ms, total * MARGIN[of].share);
  const finished = new AbortController();
  const abortAt = (left: number, reason: string) =>
    abortAfter(total - left, { clock, until: finished.signal, reason });
  const mayStart = () => remainingMs() > margin('start');
  return {
    mayClaim: mayStart,
    mayStart,
    horizonMs: () => Math.max(0, remainingMs() - margin('start')) / 2,
    leftMs: () => Math.max(0, remainingMs() - margin('stop')),
    stop: abortAt(margin('stop'), 'the function is about to reach its time limit'),
    end: abortAt(margin('end'), 'the function has reached its time limit'),
    [Symbol.dispose]: () => finished.abort(),
  };
}

/** The deadline of a long-lived worker: none, until it is told to stop. */
export class RunnerDeadline implements Deadline {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #stop = new AbortController();
  readonly #end = new AbortController();
  readonly #finished = new AbortController();
  #stopping = false;

  /** @param graceMs how long what has been claimed may go on after `beginStop` */
  constructor(options: { readonly clock: Clock; readonly graceMs: number }) {
    this.#clock = options.clock;
    this.#graceMs = options.graceMs;
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get end(): AbortSignal {
    return this.#end.signal;
  }

  mayClaim(): boolean {
    return !this.#stopping;
  }

  mayStart(): boolean {
    return !this.#stop.signal.aborted;
  }

  /** Half the grace: what is claimed when the order to stop comes can then be finished rather than fail. */
  horizonMs(): number {
    return this.#graceMs / 2;
  }

  leftMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** No more claims from now on; what is claimed goes on for the grace, then it is aborted. */
  beginStop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    void this.#stopAfterGrace();
  }

  /** All work has ended: no timer is left behind. */
  finish(): void {
    this.#finished.abort();
  }

  async #stopAfterGrace(): Promise<void> {
    await this.#clock.sleep(this.#graceMs, this.#finished.signal);
    if (this.#finished.signal.aborted) return;
    this.#stop.abort(new Error('the worker is shutting down'));
    await this.#clock.sleep(MARGIN.stop.ms, this.#finished.signal);
    if (!this.#finished.signal.aborted) this.#end.abort(new Error('the worker has shut down'));
  }
}

interface AbortAfterOptions {
  readonly clock: Clock;
  readonly until: AbortSignal;
  readonly reason: string;
}

function abortAfter(milliseconds: number, { clock, until, reason }: AbortAfterOptions): AbortSignal {
  const controller = new AbortController();
  void clock.sleep(milliseconds, until).then(() => {
    if (!until.aborted) controller.abort(new Error(reason));
  });
  return controller.signal;
}
