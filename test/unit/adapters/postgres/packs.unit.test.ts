import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dispatchIds, packNumbers, readyPacks } from '../../../../adapters/postgres/packs.ts';
import type { JobId, Topic } from '../../../../events/ids.ts';
import { MAX_PACK_BYTES, MAX_PACK_MESSAGES } from '../../../../events/pack.ts';

const job = fc.record(
  {
    id: fc.uuid().map((id) => id as JobId),
    dispatch: fc.record({
      topic: fc.constantFrom('a', 'b').map((name) => name as Topic),
      message: fc.constantFrom(1, 1000, 100_000, 300_000).map((size) => Buffer.alloc(size)),
    }),
  },
  { requiredKeys: ['id'] },
);

test('ready packs hold every message of a topic once, in order, within the limits', () => {
  fc.assert(
    fc.property(fc.array(job, { maxLength: 60 }), (jobs) => {
      const packs = readyPacks(jobs);
      for (const topic of ['a', 'b'] as Topic[]) {
        const messages = jobs.flatMap(({ dispatch }) =>
          dispatch?.topic === topic ? [dispatch.message] : [],
        );
        const packed = packs.filter((pack) => pack.topic === topic);
        expect(Buffer.concat(packed.map(({ bytes }) => bytes)).equals(Buffer.concat(messages))).toBe(true);
        expect(packed.reduce((sum, { count }) => sum + count, 0)).toBe(messages.length);
      }
      for (const { count, bytes } of packs) {
        expect(count).toBeGreaterThan(0);
        expect(count === 1 || bytes.length <= MAX_PACK_BYTES).toBe(true);
      }
    }),
  );
});

test('a pack is closed when it is full', () => {
  const small = { id: 'first' as JobId, dispatch: { topic: 'a' as Topic, message: Buffer.alloc(1) } };
  const jobs = Array.from({ length: MAX_PACK_MESSAGES + 1 }, () => small);
  expect(readyPacks(jobs).map(({ count }) => count)).toEqual([MAX_PACK_MESSAGES, 1]);
  expect(packNumbers([{ id: 'none' as JobId }, small])).toEqual([0, 0]);
});

test('the jobs of a pack carry the id of its first one, and so does the pack unless it is of one', () => {
  fc.assert(
    fc.property(fc.uniqueArray(job, { maxLength: 60, selector: ({ id }) => id }), (jobs) => {
      const carried = dispatchIds(jobs);
      expect(carried.map((id) => id === undefined)).toEqual(jobs.map(({ dispatch }) => !dispatch));
      for (const { topic, count, dispatchId } of readyPacks(jobs)) {
        expect(dispatchId === undefined).toBe(count === 1);
        if (dispatchId === undefined) continue;
        const own = jobs.filter((_, index) => carried[index] === dispatchId);
        expect(own).toHaveLength(count);
        expect(own[0]?.id).toBe(dispatchId);
        expect(own.every(({ dispatch }) => dispatch?.topic === topic)).toBe(true);
      }
    }),
  );
});
