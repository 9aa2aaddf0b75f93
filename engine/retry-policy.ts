export interface RetryPolicy {
  /** Delay before the first retry, in milliseconds. */
  readonly baseMs: number;
  readonly multiplier: number;
  readonly maxMs: number;
  /** Share of the delay by which it is randomly longer or shorter: 0.1 is ±10 %. */
  readonly jitter: number;
}

/** What a job or a step sets of its policy, as it is sent and stored; what is absent is the default. */
export interface RetrySettings {
  readonly base_ms?: number | undefined;
  readonly multiplier?: number | undefined;
  readonly max_ms?: number | undefined;
  readonly jitter?: number | undefined;
}

const DAY_MS = 86_400_000;

/** From and to, both included. */
export const retryBounds = {
  base_ms: [1, DAY_MS],
  multiplier: [1, 100],
  max_ms: [1, 7 * DAY_MS],
  jitter: [0, 1],
} as const;

export const defaultRetryPolicy: RetryPolicy = { baseMs: 1_000, multiplier: 2, maxMs: 60_000, jitter: 0.1 };

/** The policy with what a job sets in its place. */
export function withSettings(policy: RetryPolicy, settings: RetrySettings | null): RetryPolicy {
  if (!settings) return policy;
  return {
    baseMs: settings.base_ms ?? policy.baseMs,
    multiplier: settings.multiplier ?? policy.multiplier,
    maxMs: settings.max_ms ?? policy.maxMs,
    jitter: settings.jitter ?? policy.jitter,
  };
}

/**
 * Milliseconds until the next attempt.
 * @param failedAttempt the attempt that just failed; the first is 1
 * @param random a number from 0 up to 1
 */
export function retryDelayMs(policy: RetryPolicy, failedAttempt: number, random: number): number {
  const exponential = Math.min(policy.maxMs, policy.baseMs * policy.multiplier ** (failedAttempt - 1));
  return Math.round(exponential * (1 + policy.jitter * (2 * random - 1)));
}
