import { setTimeout as after } from 'node:timers/promises';
import type { RoleLease } from '../engine/ports/role-scheduler.ts';

export interface RenewedHoldOptions {
  readonly term: bigint;
  /** How long the server keeps the role without hearing of its holder. */
  readonly forMs: number;
  /** When what holds it now was asked for, by `performance.now()`: the server counts from a moment later. */
  readonly askedAt: number;
  /** @returns false when it is another's; a rejection is tried again while there is time */
  renew(leftMs: number): Promise<boolean>;
  /** Tells the server. What cannot be told ends by itself. */
  giveUp(): Promise<void>;
}

/** A role that a server takes back unless it is renewed. The holder counts for itself: it must end also while nobody answers. */
export class RenewedHold implements RoleLease {
  readonly term: bigint;
  readonly #options: RenewedHoldOptions;
  readonly #lost = new AbortController();
  readonly #released = new AbortController();
  readonly #renewing: Promise<void>;

  constructor(options: RenewedHoldOptions) {
    this.term = options.term;
    this.#options = options;
    this.#renewing = this.#renewAll();
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    if (this.#released.signal.aborted) return this.#renewing;
    this.#released.abort();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    await this.#options.giveUp().catch(() => undefined);
  }

  async #renewAll(): Promise<void> {
    const { forMs } = this.#options;
    const ended = this.#released.signal;
    let { askedAt } = this.#options;
    while (!ended.aborted) {
      await after(forMs / 4, undefined, { signal: ended, ref: false }).catch(() => undefined);
      if (ended.aborted) return;
      // The rest is for clocks that differ.
      const leftMs = askedAt + forMs * 0.8 - performance.now();
      if (leftMs <= 0) return this.#lost.abort();
      const now = performance.now();
      const outcome = await within(this.#options.renew(leftMs), leftMs);
      if (outcome === 'lost') return this.#lost.abort();
      if (outcome === 'renewed') askedAt = now;
    }
  }
}

async function within(
  renewing: Promise<boolean>,
  milliseconds: number,
): Promise<'renewed' | 'lost' | 'unknown'> {
  const renewed = renewing.then(
    (isOurs) => (isOurs ? 'renewed' : 'lost'),
    () => 'unknown' as const,
  );
  return Promise.race([renewed, after(milliseconds, 'unknown' as const, { ref: false })]);
}
