import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FoundRecord, TimestampSearch } from '../../../../adapters/kafka/timestamp-search.ts';

const NOW = 1_800_000_000_000;
const WEEK = 7 * 86_400_000;

/** A partition whose records have these times, in order; its first offset is 100. */
function partition(timestamps: readonly number[]) {
  return (time: number): FoundRecord | undefined => {
    const index = timestamps.findIndex((timestamp) => timestamp >= time);
    const timestamp = timestamps[index];
    return timestamp === undefined ? undefined : { offset: 100n + BigInt(index), timestamp };
  };
}

function search(timestamps: readonly number[], offset: bigint): { timestamp: number; rounds: number } {
  const ask = partition(timestamps);
  const one = new TimestampSearch(offset, NOW);
  let rounds = 0;
  for (; one.timestamp === undefined; rounds += 1) one.found(ask(one.probe));
  return { timestamp: one.timestamp, rounds };
}

test('the time of any record is found, exactly or a little too old, in few rounds', () => {
  const ages = fc.array(fc.integer({ min: 0, max: WEEK }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(ages, fc.nat(), (unsorted, pick) => {
      const timestamps = unsorted.map((age) => NOW - age).sort((a, b) => a - b);
      const index = pick % timestamps.length;
      const { timestamp, rounds } = search(timestamps, 100n + BigInt(index));
      const truth = timestamps[index] ?? Number.NaN;
      expect(timestamp).toBeLessThanOrEqual(truth);
      expect(truth - timestamp).toBeLessThanOrEqual(Math.max(10, (NOW - timestamp) * 0.02));
      expect(rounds).toBeLessThanOrEqual(25);
    }),
  );
});

test('among many records of one moment each has that time', () => {
  const timestamps = Array.from({ length: 1000 }, (_, n) => NOW - 90_000 + Math.floor(n / 500));
  const { timestamp } = search(timestamps, 350n);
  expect(NOW - timestamp).toBeGreaterThanOrEqual(90_000);
  expect(NOW - timestamp).toBeLessThanOrEqual(90_000 * 1.03);
});

test('a record whose clock ran ahead is as young as can be', () => {
  expect(search([NOW + 5_000], 100n).timestamp).toBeLessThanOrEqual(NOW + 5_000);
});

test('the search ends also where the record is gone or has no time', () => {
  expect(search([NOW - 1000], 5n).timestamp).toBe(0);
  expect(search([-1, -1], 101n).timestamp).toBe(0);
});
