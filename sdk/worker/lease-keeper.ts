import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { ClaimAnswer, HeartbeatAnswer, Lease, WorkerApi } from './worker-api.ts';

type Claimed = Extract<ClaimAnswer, { outcome: 'claimed' }>;

/** A claimed job from the claim until its result is recorded. */
export interface HeldLease extends Lease {
  readonly claim: Claimed;
  /** When it was asked for, in milliseconds since the epoch. */
  readonly since: number;
  /** Aborts when the attempt must end: the lease is lost, or {@link abort} was called. */
  readonly signal: AbortSignal;
  readonly abort: (reason: unknown) => void;
  /** The API said that the job has gone elsewhere: a result would be refused. */
  readonly isLost: () => boolean;
}

interface Held {
  readonly lease: HeldLease;
  /** By our own clock, counted from before the request: never later than the true end. */
  until: number;
}

export interface LeaseKeeperOptions {
  readonly api: WorkerApi;
  readonly leaseMs: number;
  /** Between two heartbeats, in milliseconds: a third of the lease unless given, and 5 seconds at most. */
  readonly beatMs?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LONGEST_BEAT_MS = 5_000;

/**
 * Extends all held leases in one call, and tells their holders when one is lost. Often, however long the lease is: it is by
 * a heartbeat that a handler learns that its job was cancelled.
 */
export class LeaseKeeper implements AsyncDisposable {
  readonly #options: LeaseKeeperOptions;
  readonly #beatMs: number;
  readonly #held = new Map<string, Held>();
  readonly #closed = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#beatMs = Math.min(options.leaseMs / 3, options.beatMs ?? LONGEST_BEAT_MS);
  }

  /** @param since when the claim was asked for, in milliseconds since the epoch */
  hold(id: Lease['id'], claim: Claimed, since: number): HeldLease {
    const controller = new AbortController();
    const { signal } = controller;
    const lease: HeldLease = {
      id,
      token: claim.token,
      claim,
      since,
      signal,
      abort: (reason) => controller.abort(reason),
      isLost: () => signal.reason instanceof LeaseLost,
    };
    this.#held.set(id, { lease, until: since + this.#options.leaseMs });
    this.#loop ??= this.#keep();
    return lease;
  }

  release(lease: HeldLease): void {
    this.#held.delete(lease.id);
  }

  /** Extends one lease now. Rejects when it is lost, or when the API cannot be reached. */
  async extend(lease: HeldLease): Promise<void> {
    const held = this.#held.get(lease.id);
    if (held) await this.#beat([held]);
    if (lease.signal.aborted) throw lease.signal.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#loop;
  }

  async #keep(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#closed;
    for (;;) {
      await clock.sleep(this.#beatMs, signal);
      if (signal.aborted) return;
      const due = [...this.#held.values()];
      if (due.length === 0) continue;
      await this.#beat(due).catch((error: unknown) => {
        logger.warn('the leases could not be extended', { jobs: due.length, error });
      });
      this.#abortExpired();
    }
  }

  async #beat(due: readonly Held[]): Promise<void> {
    const since = this.#options.clock.now().getTime();
    // A request that takes longer than this is of no more use: the next one carries the same leases.
    const patience = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#options.leaseMs / 3)]);
    const answers = await this.#options.api.heartbeat(
      due.map(({ lease: { id, token } }) => ({ id, token })),
      patience,
    );
    for (const [index, held] of due.entries()) this.#apply(held, answers[index], since);
  }

  #apply(held: Held, answer: HeartbeatAnswer | undefined, since: number): void {
    // A job that was settled while the request was under way is no longer running, and has not been lost.
    if (answer === undefined || !this.#held.has(held.lease.id)) return;
    if (answer.outcome === 'extended') held.until = since + this.#options.leaseMs;
    else held.lease.abort(new LeaseLost(answer.outcome === 'lost' ? answer.status : 'gone'));
  }

  /** Without an answer for a whole lease, another worker may have the job by now. */
  #abortExpired(): void {
    const now = this.#options.clock.now().getTime();
    for (const { lease, until } of this.#held.values()) {
      if (until <= now) lease.abort(new Error('the lease ran out: the API could not be reached'));
    }
  }
}

class LeaseLost extends Error {
  override readonly name = 'LeaseLost';

  constructor(status: string) {
    super(`the lease of this attempt is lost: the job is ${status}`);
  }
}
