import { expect, test } from 'vitest';
import { readRetention } from '../../../adapters/retention-config.ts';

const DAY_MS = 86_400_000;

test('finished work is kept for a week, failures and the trail for a month, unless told otherwise', () => {
  expect(readRetention({})).toEqual({ completedMs: 7 * DAY_MS, failedMs: 30 * DAY_MS, trailMs: 30 * DAY_MS });
  expect(readRetention({ WE_RETENTION_COMPLETED: '2d', WE_RETENTION_DEAD_LETTERS: '0' })).toEqual({
    completedMs: 2 * DAY_MS,
    failedMs: undefined,
    trailMs: 30 * DAY_MS,
  });
});

test('a malformed age is refused by the name of its variable', () => {
  expect(() => readRetention({ WE_RETENTION_AUDIT: 'week' })).toThrow(/WE_RETENTION_AUDIT is malformed/);
});
