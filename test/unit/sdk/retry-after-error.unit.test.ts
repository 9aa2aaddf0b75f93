import { expect, it } from 'vitest';
import { RetryAfterError, retryAfterOf } from '../../../sdk/retry-after-error.ts';

it.each([
  [1500.2, 1501],
  [-5, 0],
  [Number.POSITIVE_INFINITY, 30 * 24 * 3_600_000],
  [Number.NaN, undefined],
])('a wait of %s ms is sent as %s', (asked, sent) => {
  expect(retryAfterOf(new RetryAfterError(asked))).toBe(sent);
});

it('is told by its code, so that it holds across bundles, and from any other error', () => {
  expect(retryAfterOf(Object.assign(new Error('x'), { code: 'retry_after', retryAfterMs: 7 }))).toBe(7);
  expect(retryAfterOf(Object.assign(new Error('x'), { code: 'retry_after' }))).toBeUndefined();
  expect(retryAfterOf(new Error('x'))).toBeUndefined();
  expect(retryAfterOf('x')).toBeUndefined();
});
