import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextPressure, type WalPressure } from '../../../../adapters/postgres/wal-pressure.ts';

test.each<[WalPressure, number, WalPressure]>([
  ['calm', 0.49, 'calm'],
  ['calm', 0.5, 'alert'],
  ['alert', 0.45, 'alert'],
  ['alert', 0.39, 'calm'],
  ['alert', 0.8, 'fallback'],
  ['fallback', 0.6, 'fallback'],
  ['fallback', 0.49, 'alert'],
  ['fallback', 0.95, 'dropped'],
  ['dropped', 0.9, 'fallback'],
  ['dropped', 0, 'calm'],
  ['calm', 3, 'dropped'],
])('%s at %d of the budget becomes %s', (pressure, used, next) => {
  expect(nextPressure({ pressure, used, rebuilding: false })).toBe(next);
});

test('jobs come back to the outbox only when a slot streams again', () => {
  expect(nextPressure({ pressure: 'dropped', used: 0, rebuilding: true })).toBe('dropped');
  expect(nextPressure({ pressure: 'fallback', used: 0, rebuilding: true })).toBe('fallback');
  expect(nextPressure({ pressure: 'alert', used: 0, rebuilding: true })).toBe('calm');
});

test('whatever the use, deciding twice decides the same: it does not flap', () => {
  const pressures = fc.constantFrom<WalPressure>('calm', 'alert', 'fallback', 'dropped');
  fc.assert(
    fc.property(
      pressures,
      fc.double({ min: 0, max: 2, noNaN: true }),
      fc.boolean(),
      (pressure, used, rebuilding) => {
        const once = nextPressure({ pressure, used, rebuilding });
        expect(nextPressure({ pressure: once, used, rebuilding })).toBe(once);
      },
    ),
  );
});
