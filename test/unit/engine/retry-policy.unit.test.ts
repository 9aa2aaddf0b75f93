import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRetryPolicy, retryDelayMs } from '../../../engine/retry-policy.ts';

const policies = fc.record({
  baseMs: fc.integer({ min: 1, max: 60_000 }),
  multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
  maxMs: fc.integer({ min: 1, max: 3_600_000 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempt = fc.integer({ min: 1, max: 10_000 });

describe('the delay before a retry', () => {
  it('doubles from one second to one minute', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => retryDelayMs(defaultRetryPolicy, n, 0.5));
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('is a whole number that stays within the jitter of the longest delay', () => {
    fc.assert(
      fc.property(policies, attempt, random, (policy, failedAttempt, draw) => {
        const delay = retryDelayMs(policy, failedAttempt, draw);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.ceil(policy.maxMs * (1 + policy.jitter)));
      }),
    );
  });

  it('is never shorter for a later attempt with the same draw', () => {
    fc.assert(
      fc.property(policies, attempt, random, (policy, n, draw) => {
        expect(retryDelayMs(policy, n + 1, draw)).toBeGreaterThanOrEqual(retryDelayMs(policy, n, draw));
      }),
    );
  });

  it('is spread by the jitter to both sides', () => {
    expect(retryDelayMs(defaultRetryPolicy, 1, 0)).toBe(900);
    expect(retryDelayMs(defaultRetryPolicy, 1, 0.999_999)).toBe(1100);
  });
});
