import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packNumbers, readyPacks } from '../../../../adapters/postgres/packs.ts';
import type { Topic } from '../../../../events/ids.ts';
import { MAX_PACK_BYTES, MAX_PACK_MESSAGES } from '../../../../events/pack.ts';

const job = fc.record(
  {
    dispatch: fc.record({
      topic: fc.constantFrom('a', 'b').map((name) => name as Topic),
      message: fc.constantFrom(1, 1000, 100_000, 300_000).map((size) => Buffer.alloc(size)),
    }),
  },
  { requiredKeys: [] },
);

test('ready packs hold every message of a topic once, in order, within the limits', () => {
  fc.assert(
    fc.property(fc.array(job, { maxLength: 60 }), (jobs) => {
      const packs = readyPacks(jobs, 1);
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
  const small = { dispatch: { topic: 'a' as Topic, message: Buffer.alloc(1) } };
  const jobs = Array.from({ length: MAX_PACK_MESSAGES + 1 }, () => small);
  expect(readyPacks(jobs, 1).map(({ count }) => count)).toEqual([MAX_PACK_MESSAGES, 1]);
  expect(packNumbers([{}, small], 1)).toEqual([0, 0]);
});
