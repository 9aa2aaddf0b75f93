import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dispatchIds, packNumbers, readyPacks, shardKey } from '../../../../adapters/postgres/packs.ts';
import type { JobId, Topic } from '../../../../events/ids.ts';
import {
  decodePack,
  encodePack,
  MAX_PACK_BYTES,
  MAX_PACK_MESSAGES,
  type PackedMessage,
} from '../../../../events/pack.ts';

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
  const small = { id: 'first' as JobId, dispatch: { topic: 'a' as Topic, message: Buffer.alloc(1) } };
  const jobs = Array.from({ length: MAX_PACK_MESSAGES + 1 }, () => small);
  expect(readyPacks(jobs, 1).map(({ count }) => count)).toEqual([MAX_PACK_MESSAGES, 1]);
  expect(packNumbers([{ id: 'none' as JobId }, small], 1)).toEqual([0, 0]);
});

test('the jobs of a pack carry the id of its first one, and so does the pack unless it is of one', () => {
  fc.assert(
    fc.property(fc.uniqueArray(job, { maxLength: 60, selector: ({ id }) => id }), (jobs) => {
      const carried = dispatchIds(jobs, 1);
      expect(carried.map((id) => id === undefined)).toEqual(jobs.map(({ dispatch }) => !dispatch));
      for (const { topic, count, dispatchId } of readyPacks(jobs, 1)) {
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

test('with shards a pack holds keys of one, and those of a key stay in order', () => {
  const keys = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { maxLength: 40 });
  fc.assert(
    fc.property(keys, fc.integer({ min: 2, max: 5 }), (sent, shards) => {
      const jobs = sent.map((key, index) => ({
        id: `job-${index}` as JobId,
        dispatch: { topic: 'a' as Topic, message: encodePack([message(key, index)]) },
      }));
      const packs = readyPacks(jobs, shards);
      const got = packs.flatMap(({ bytes, count, shard }) =>
        decodePack(bytes, count).map(({ key, value }) => {
          expect(shardKey(key) % shards).toBe(shard);
          return [key.toString(), Number(value.toString())] as const;
        }),
      );
      for (const key of new Set(sent)) {
        const order = got.filter(([one]) => one === key).map(([, index]) => index);
        expect(order).toEqual(sent.flatMap((one, index) => (one === key ? [index] : [])));
      }
      expect(got).toHaveLength(sent.length);
      packNumbers(jobs, shards).forEach((number, index) => {
        expect(number % shards).toBe(shardKey(Buffer.from(sent[index] ?? '')) % shards);
      });
    }),
  );
});

function message(key: string, index: number): PackedMessage {
  return {
    jobId: '0190163d-8694-739b-aea5-966c26f8ad90' as JobId,
    key: Buffer.from(key),
    value: Buffer.from(String(index)),
    headers: [],
  };
}
