import { hasEnded } from '../../engine/job.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import { chunk } from './chunks.ts';
import { Coalescer } from './coalescer.ts';
import type { Entry } from './entries.ts';
import type { HeldLease, LeaseKeeper } from './lease-keeper.ts';
import type { ClaimAnswer, WorkerApi } from './worker-api.ts';

export type Claim =
  | { readonly kind: 'claimed'; readonly lease: HeldLease }
  /** Running, done or cancelled already: this dispatch was one too many. */
  | { readonly kind: 'duplicate'; readonly status: string }
  /** The commit that this dispatch belongs to is not visible yet, or the job is gone. */
  | { readonly kind: 'not_found' }
  | { readonly kind: 'unreachable'; readonly error: unknown };

/** A dispatch can overtake its commit: PostgreSQL sends a transaction to the relay before other sessions see it. */
const VISIBILITY = { withinMs: 5_000, firstPauseMs: 20, maxPauseMs: 500 } as const;
/** Entries and payload bytes of one claim: its answer carries the payloads, and a Lambda answers with at most 6 MB. */
const LIMITS = { count: 1000, bytes: 3_000_000 } as const;

export interface ClaimerOptions {
  readonly api: WorkerApi;
  readonly leases: LeaseKeeper;
  readonly clock: Clock;
  /** Aborts when there is no time left to wait. */
  readonly stop: AbortSignal;
}

/** Claims jobs, many in a call. */
export class Claimer {
  readonly #options: ClaimerOptions;
  readonly #requests: Coalescer<Entry, Claim>;

  constructor(options: ClaimerOptions) {
    this.#options = options;
    this.#requests = new Coalescer<Entry, Claim>({
      clock: options.clock,
      maxCount: LIMITS.count,
      maxDelayMs: 2,
      send: (entries) => this.#send(entries),
    });
  }

  /** Never rejects. */
  async claim(entry: Entry): Promise<Claim> {
    const { clock, stop } = this.#options;
    const until = clock.now().getTime() + VISIBILITY.withinMs;
    for (let pause: number = VISIBILITY.firstPauseMs; ; pause = Math.min(pause * 2, VISIBILITY.maxPauseMs)) {
      const claim = await this.#requests
        .add(entry)
        .catch((error: unknown): Claim => ({ kind: 'unreachable', error }));
      if (claim.kind !== 'not_found' || clock.now().getTime() + pause > until) return claim;
      await clock.sleep(pause, stop);
      if (stop.aborted) return claim;
    }
  }

  /** Asks for what waits to be asked for, now. */
  flush(): void {
    this.#requests.flush();
  }

  async #send(entries: readonly Entry[]): Promise<Claim[]> {
    const { api, clock, stop } = this.#options;
    const claims: Claim[] = [];
    const sizeOf = ({ dispatch }: Entry) => dispatch.payload.length + 500;
    for (const part of chunk(entries, { ...LIMITS, sizeOf })) {
      const since = clock.now().getTime();
      try {
        const answers = await api.claim(
          part.map(({ dispatch }) => dispatch.jobId),
          stop,
          part.map(({ timestamp }) => Math.max(0, timestamp)),
        );
        claims.push(...part.map((entry, index) => this.#toClaim(entry, answers[index], since)));
      } catch (error) {
        // What an earlier part has claimed must run: only this one is lost.
        claims.push(...part.map((): Claim => ({ kind: 'unreachable', error })));
      }
    }
    return claims;
  }

  #toClaim({ dispatch }: Entry, answer: ClaimAnswer | undefined, since: number): Claim {
    switch (answer?.outcome) {
      case 'claimed':
        return { kind: 'claimed', lease: this.#options.leases.hold(dispatch.jobId, answer, since) };
      case 'not_claimable':
        // A dispatch of an attempt that has not begun has overtaken its commit, or another claim held the row just now.
        if (dispatch.attempt > answer.attempt && !hasEnded(answer.status)) return { kind: 'not_found' };
        return { kind: 'duplicate', status: answer.status };
      case 'not_found':
      case undefined:
        return { kind: 'not_found' };
      default:
        return answer satisfies never;
    }
  }
}
