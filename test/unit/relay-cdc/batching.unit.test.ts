import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Topic } from '../../../events/ids.ts';
import type { RelayLimits } from '../../../relay-cdc/config.ts';
import { flushDelayMs } from '../../../relay-cdc/flush-policy.ts';
import { RowQueue } from '../../../relay-cdc/row-queue.ts';

const limits: RelayLimits = {
  unackedBytes: 1_000,
  unackedTransactions: 10,
  batchMessages: 100,
  batchBytes: 1_000,
  unclearedMessages: 100,
};
const caughtUp = { messages: 1, bytes: 10, ageMs: 0, waitedMs: 0 };

test('with the newest commit fresh, what is there goes at once', () => {
  expect(flushDelayMs(caughtUp, limits)).toBe(0);
  expect(flushDelayMs({ ...caughtUp, ageMs: 50 }, limits)).toBe(0);
});

test('with a backlog a batch fills up, for at most 20 ms', () => {
  const behind = { ...caughtUp, ageMs: 51 };
  expect(flushDelayMs(behind, limits)).toBe(20);
  expect(flushDelayMs({ ...behind, waitedMs: 15 }, limits)).toBe(5);
  expect(flushDelayMs({ ...behind, waitedMs: 30 }, limits)).toBe(0);
  expect(flushDelayMs({ ...behind, messages: 100 }, limits)).toBe(0);
  expect(flushDelayMs({ ...behind, bytes: 1_000 }, limits)).toBe(0);
});

test('with nothing waiting nothing is to be done', () => {
  expect(flushDelayMs({ ...caughtUp, messages: 0 }, limits)).toBe(Number.POSITIVE_INFINITY);
});

const queued = (id: number, messageCount: number, bytes: number) => ({
  row: { id: BigInt(id), topic: 't' as Topic, messageCount, messages: Buffer.alloc(bytes) },
});

test('every row is taken once and in order, in batches within the limits unless one row alone exceeds them', () => {
  const rows = fc.array(fc.tuple(fc.integer({ min: 1, max: 150 }), fc.nat(1_500)), { maxLength: 100 });
  fc.assert(
    fc.property(rows, (sizes) => {
      const queue = new RowQueue<ReturnType<typeof queued>>();
      for (const [index, [count, bytes]] of sizes.entries()) queue.push(queued(index, count, bytes));
      const taken: bigint[] = [];
      for (let batch = queue.take(limits); batch.length > 0; batch = queue.take(limits)) {
        const messages = batch.reduce((sum, { row }) => sum + row.messageCount, 0);
        const bytes = batch.reduce((sum, { row }) => sum + row.messages.length, 0);
        if (batch.length > 1) {
          expect(messages).toBeLessThanOrEqual(limits.batchMessages);
          expect(bytes).toBeLessThanOrEqual(limits.batchBytes);
        }
        taken.push(...batch.map(({ row }) => row.id));
      }
      expect(taken).toEqual(sizes.map((_, index) => BigInt(index)));
      expect([queue.rows, queue.messages, queue.bytes]).toEqual([0, 0, 0]);
    }),
  );
});

test('rows from the first that does not belong are dropped, and the counts follow', () => {
  const queue = new RowQueue<ReturnType<typeof queued>>();
  for (let id = 0; id < 5; id += 1) queue.push(queued(id, 2, 10));
  queue.take({ batchMessages: 2, batchBytes: 1_000 });
  const dropped = queue.keepWhile(({ row }) => row.id < 3n);
  expect(dropped.map(({ row }) => row.id)).toEqual([3n, 4n]);
  expect([queue.rows, queue.messages, queue.bytes]).toEqual([2, 4, 20]);
});
