import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lsn } from '../../../events/ids.ts';
import { AckTracker, type TrackedTransaction } from '../../../relay-cdc/ack-tracker.ts';

const lsn = (position: number): Lsn => BigInt(position) as Lsn;

test('a transaction is passed when its commit is known and each of its rows is acknowledged', () => {
  const tracker = new AckTracker(lsn(10));
  tracker.begin(lsn(20));
  const transaction = tracker.row(1);
  tracker.row(1);
  tracker.acked(transaction, 2);
  expect(tracker.watermark).toBe(lsn(10));
  tracker.commit(lsn(25));
  expect(tracker.watermark).toBe(lsn(25));
});

test('a later transaction does not pass an earlier one that is not acknowledged', () => {
  const tracker = new AckTracker(lsn(0));
  const [first, second] = [1, 2].map((number) => {
    tracker.begin(lsn(number * 10));
    const transaction = tracker.row(1);
    tracker.commit(lsn(number * 10 + 5));
    return transaction;
  });
  if (!first || !second) throw new Error('unreachable');
  tracker.acked(second, 1);
  expect(tracker.watermark).toBe(lsn(0));
  tracker.acked(first, 1);
  expect(tracker.watermark).toBe(lsn(25));
});

test('a keepalive counts only with nothing in flight', () => {
  const tracker = new AckTracker(lsn(0));
  tracker.keepalive(lsn(5));
  expect(tracker.watermark).toBe(lsn(5));
  tracker.begin(lsn(8));
  tracker.keepalive(lsn(7));
  expect(tracker.watermark).toBe(lsn(5));
  tracker.commit(lsn(9));
  tracker.keepalive(lsn(50));
  expect(tracker.watermark).toBe(lsn(50));
});

test('what cannot be is refused', () => {
  const tracker = new AckTracker(lsn(0));
  expect(() => tracker.row(1)).toThrow('outside a transaction');
  expect(() => tracker.commit(lsn(1))).toThrow('outside a transaction');
  const transaction = tracker.begin(lsn(1));
  expect(() => tracker.begin(lsn(2))).toThrow('within another');
  expect(() => tracker.acked(transaction, 1)).toThrow('more rows');
});

/** One step of a stream; acknowledgements pick any outstanding row. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('transaction' as const), rows: fc.nat(4) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('ack' as const), which: fc.nat(1_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keepalive' as const) }) },
);

test('whatever the order of acknowledgements, the watermark passes no unacknowledged row and never goes back', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const tracker = new AckTracker(lsn(0));
      const outstanding: { transaction: TrackedTransaction; commit: Lsn }[] = [];
      let position = 0;
      let last = tracker.watermark;
      for (const one of steps) {
        if (one.kind === 'transaction') {
          position += 10;
          tracker.begin(lsn(position));
          for (let row = 0; row < one.rows; row += 1) {
            outstanding.push({ transaction: tracker.row(1), commit: lsn(position) });
          }
          tracker.commit(lsn(position + 10));
          position += 10;
        } else if (one.kind === 'keepalive') {
          position += 1;
          tracker.keepalive(lsn(position));
        } else if (outstanding.length > 0) {
          const [acked] = outstanding.splice(one.which % outstanding.length, 1);
          if (acked) tracker.acked(acked.transaction, 1);
        }
        expect(tracker.watermark >= last).toBe(true);
        last = tracker.watermark;
        for (const { commit } of outstanding) expect(tracker.watermark <= commit).toBe(true);
      }
      for (const { transaction } of outstanding) tracker.acked(transaction, 1);
      tracker.keepalive(lsn(position + 1));
      expect(tracker.watermark).toBe(lsn(position + 1));
      expect(tracker.inFlight).toBe(0);
    }),
  );
});

test('many transactions later it still holds only those in flight', () => {
  const tracker = new AckTracker(lsn(0));
  for (let number = 1; number <= 10_000; number += 1) {
    tracker.begin(lsn(number * 10));
    tracker.acked(tracker.row(1), 1);
    tracker.commit(lsn(number * 10 + 5));
  }
  expect(tracker.inFlight).toBe(0);
  expect(tracker.watermark).toBe(lsn(100_005));
});
