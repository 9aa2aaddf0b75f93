import { describe, expect, test } from 'vitest';
import { limitsOf, policyFault, uniqueOf } from '../../../engine/job-policy.ts';

const request = { type: 'sync', payload: '{"tenant": {"id": 7}}' };

describe('the policy of a job type', () => {
  test('makes keys of the type and of a value in the payload', () => {
    const policy = { concurrency: { limit: 3, by: 'tenant.id' }, unique: {} };
    expect(limitsOf(request, policy)).toEqual({ concurrency: { key: 'sync:7', limit: 3 } });
    expect(uniqueOf(request, policy)).toEqual({ key: 'sync', mode: 'drop' });
  });

  test('leaves each limit that the request has itself', () => {
    const policy = { concurrency: { limit: 3 }, rate: { limit: 1, per_seconds: 9 } };
    const own = { ...request, limits: { concurrency: { key: 'mine', limit: 1 } } };
    expect(limitsOf(own, policy)).toEqual({
      concurrency: { key: 'mine', limit: 1 },
      rate: { key: 'sync', limit: 1, per_seconds: 9 },
    });
  });

  test('gives no limits where neither has any', () => {
    expect(limitsOf(request, {})).toBeUndefined();
    expect(uniqueOf(request, {})).toBeUndefined();
  });

  test.each([
    [{ limit: {} }, '"limit" is none of concurrency, rate, unique'],
    [{ concurrency: { limit: 0 } }, '"concurrency.limit" must be a whole number from 1 to 10000'],
    [{ rate: { limit: 1 } }, '"rate.per_seconds" must be a whole number from 1 to 86400'],
    [{ unique: { mode: 'replace' } }, '"unique" may have key, by, not "mode"'],
    [{ unique: { by: '' } }, '"unique.by" must be a text of 1 to 50 characters'],
    [{ unique: true }, '"unique" must be an object'],
  ])('%o is refused: %s', (policy, fault) => {
    expect(policyFault(policy)).toBe(fault);
  });

  test('a whole one is accepted', () => {
    const concurrency = { key: 'k', by: 'a.b', limit: 1 };
    expect(policyFault({ concurrency, rate: { limit: 1, per_seconds: 1 }, unique: {} })).toBeUndefined();
  });
});
