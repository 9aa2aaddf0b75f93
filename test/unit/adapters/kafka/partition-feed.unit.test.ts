import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PartitionFeed } from '../../../../adapters/kafka/partition-feed.ts';
import type { IncomingRecord } from '../../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../../events/ids.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

type Deliver = (offsets: number[]) => Promise<number | undefined>;

function feedOf(deliver: Deliver, batchSize = 2) {
  const closing = new AbortController();
  const acknowledged: number[] = [];
  const feed = new PartitionFeed({
    batchSize,
    deliver: async (chunk) => {
      const failedAt = await deliver(chunk.map(({ offset }) => Number(offset)));
      return failedAt === undefined ? undefined : BigInt(failedAt);
    },
    acknowledge: ({ offset }) => acknowledged.push(Number(offset)),
    closing: closing.signal,
  });
  const held = { paused: 0, resumed: 0 };
  const pause = () => {
    held.paused += 1;
    return () => {
      held.resumed += 1;
    };
  };
  const add = (from: number, to: number, bytes = 10): void => feed.add(records(from, to, bytes), pause);
  return { feed, add, held, acknowledged, closing };
}

function records(from: number, to: number, bytes: number): IncomingRecord[] {
  return Array.from({ length: to - from }, (_, index) => ({
    topic: 't' as Topic,
    partition: 0,
    offset: BigInt(from + index),
    timestamp: 0,
    key: null,
    value: Buffer.alloc(bytes),
    headers: [],
  }));
}

test('delivers in order, one batch at a time, what is added while one is under way', async () => {
  const delivered: number[][] = [];
  let open = 0;
  const { feed, add, acknowledged } = feedOf(async (offsets) => {
    open += 1;
    expect(open).toBe(1);
    delivered.push(offsets);
    await turn();
    open -= 1;
    return undefined;
  });
  add(0, 3);
  add(3, 5);
  await feed.drained();
  add(5, 6);
  await feed.drained();
  expect(delivered).toEqual([[0, 1], [2, 3], [4], [5]]);
  expect(acknowledged).toEqual([1, 3, 4, 5]);
});

test('what failed comes again, from the failed record on and before what follows', async () => {
  const delivered: number[][] = [];
  const { feed, add, acknowledged } = feedOf(async (offsets) => {
    delivered.push(offsets);
    return delivered.length < 3 && offsets.includes(1) ? 1 : undefined;
  });
  add(0, 4);
  await feed.drained();
  expect(delivered).toEqual([[0, 1], [1, 2], [1, 2], [3]]);
  expect(acknowledged).toEqual([0, 2, 3]);
});

test('what is forgotten while it is under way is not acknowledged, and what comes after waits for its end', async () => {
  const gates: (() => void)[] = [];
  const delivered: number[][] = [];
  const { feed, add, acknowledged } = feedOf(async (offsets) => {
    delivered.push(offsets);
    await new Promise<void>((resolve) => gates.push(resolve));
    return undefined;
  });
  add(0, 4);
  feed.forget();
  add(0, 2);
  expect(delivered).toEqual([[0, 1]]);
  gates[0]?.();
  await waitFor(() => gates.length === 2, { within: 5_000, what: 'the next delivery' });
  expect(acknowledged).toEqual([]);
  gates[1]?.();
  await feed.drained();
  expect(delivered).toEqual([
    [0, 1],
    [0, 1],
  ]);
  expect(acknowledged).toEqual([1]);
});

test.each([
  { what: 'records', bytes: 1, count: 2_000 },
  { what: 'bytes', bytes: 1024 * 1024, count: 2 },
])(
  'pauses once when so many $what wait, and goes on when half of them are done',
  async ({ bytes, count }) => {
    const gates: (() => void)[] = [];
    const gated = () =>
      new Promise<undefined>((resolve) => {
        gates.push(() => resolve(undefined));
      });
    const { feed, add, held, closing } = feedOf(gated, count / 2);
    add(0, count - 1, bytes);
    expect(held.paused).toBe(0);
    add(count - 1, count, bytes);
    add(count, count + 1, bytes);
    expect(held).toEqual({ paused: 1, resumed: 0 });
    gates[0]?.();
    await waitFor(() => gates.length === 2, { within: 5_000, what: 'the second batch' });
    expect(held.resumed).toBe(0);
    gates[1]?.();
    await waitFor(() => gates.length === 3, { within: 5_000, what: 'the third batch' });
    expect(held).toEqual({ paused: 1, resumed: 1 });
    closing.abort();
    gates[2]?.();
    await feed.drained();
  },
);

test('a feed that is forgotten while it is paused goes on', () => {
  const { feed, add, held } = feedOf(() => new Promise(() => undefined));
  add(0, 2_000);
  feed.forget();
  expect(held).toEqual({ paused: 1, resumed: 1 });
});

test('a feed that is closed keeps the acknowledgement of what is under way, and delivers nothing more', async () => {
  const gate = Promise.withResolvers<undefined>();
  const delivered: number[][] = [];
  const { feed, add, acknowledged, closing } = feedOf((offsets) => {
    delivered.push(offsets);
    return gate.promise;
  });
  add(0, 4);
  closing.abort();
  add(4, 6);
  gate.resolve(undefined);
  await feed.drained();
  expect(delivered).toEqual([[0, 1]]);
  expect(acknowledged).toEqual([1]);
});
