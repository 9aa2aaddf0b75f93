import type { Clock } from '../../engine/ports/clock.ts';
import type { Principal } from './scopes.ts';

interface Bucket {
  tokens: number;
  at: number;
}

/** Of those who called lately; whoever is forgotten begins with a full bucket. */
const MAX_BUCKETS = 10_000;

/** A bucket of one second's requests for each principal that has a rate. It knows this process only. */
export class Rates {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether one more request is within the rate. */
  take({ name, tenant, ratePerSecond }: Principal): boolean {
    if (ratePerSecond === undefined) return true;
    // Two tenants may have keys of one name.
    const place = `${tenant ?? ''} ${name}`;
    const now = this.#clock.now().getTime();
    const before = this.#buckets.get(place) ?? { tokens: ratePerSecond, at: now };
    const gained = (Math.max(0, now - before.at) / 1000) * ratePerSecond;
    const tokens = Math.min(ratePerSecond, before.tokens + gained);
    if (this.#buckets.size >= MAX_BUCKETS) this.#buckets.clear();
    this.#buckets.set(place, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }
}
