import { afterEach, beforeEach, expect, it } from 'vitest';
import { MemoryEventBus } from '../../../adapters/memory/event-bus.ts';
import { systemClock } from '../../../adapters/system/clock.ts';
import { createBusStreamer } from '../../../engine/bus-streamer.ts';
import { DISPATCH_STREAM, ensureDispatchStream } from '../../../engine/dispatch-stream.ts';
import type { BatchOutcome, EventStreamer, IncomingRecord } from '../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../events/ids.ts';
import { waitFor } from '../../helpers/wait-for.ts';

const topic = 'workflow.jobs.send.email' as Topic;
const group = 'workflow.workers.send.email';
let bus: MemoryEventBus;
let streamer: EventStreamer;

beforeEach(async () => {
  bus = new MemoryEventBus({ clock: systemClock, maxMessageBytes: 100 });
  await ensureDispatchStream(bus);
  streamer = createBusStreamer({ bus, clock: systemClock, stream: DISPATCH_STREAM, maxMessageBytes: 100 });
});

afterEach(() => bus.close());

function record(text: string, key = text) {
  const headers = [{ name: 'epoch', value: Buffer.from('7') }];
  return { topic, key: Buffer.from(key), value: Buffer.from(text), headers };
}

async function publish(...records: readonly ReturnType<typeof record>[]) {
  const publisher = await streamer.publisher();
  const receipt = await publisher.publish(records);
  await publisher.close();
  return receipt;
}

async function receiving(
  handle: (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>,
  batchSize = 10,
) {
  const abort = new AbortController();
  const batches: (readonly IncomingRecord[])[] = [];
  const receiver = await streamer.receiver({ topic, group, batchSize, batchWindowMs: 1 });
  const running = receiver.run((batch) => {
    batches.push(batch);
    return handle(batch);
  }, abort.signal);
  const texts = () => batches.flat().map(({ value }) => String(value));
  const stop = () => {
    abort.abort();
    return running;
  };
  return { batches, texts, stop };
}

const acknowledge = async (): Promise<BatchOutcome> => ({ failed: [] });

it('brings records with key, value and headers, in the order of publishing', async () => {
  await publish(record('a'), record('b'), record('c'));
  const member = await receiving(acknowledge);
  await waitFor(() => member.texts().length === 3, { within: 8_000 });
  await member.stop();
  expect(member.texts()).toEqual(['a', 'b', 'c']);
  const [first] = member.batches.flat();
  expect(first).toMatchObject({
    topic,
    key: Buffer.from('a'),
    headers: [{ name: 'epoch', value: Buffer.from('7') }],
  });
});

it('reports a record that is too large by its index, and stores its neighbours', async () => {
  const receipt = await publish(record('a'), record('x'.repeat(200), 'k'), record('b'));
  expect(receipt.refused.map(({ index }) => index)).toEqual([1]);
  const member = await receiving(acknowledge);
  await waitFor(() => member.texts().length === 2, { within: 8_000 });
  await member.stop();
  expect(member.texts()).toEqual(['a', 'b']);
});

it('brings again what failed and what came after it, and not what came before', async () => {
  await publish(record('a'), record('b'), record('c'));
  let isFirst = true;
  const member = await receiving(async (batch) => {
    const bad = batch.find(({ value }) => isFirst && String(value) === 'b');
    isFirst = false;
    return { failed: bad ? [{ partition: 0, offset: bad.offset }] : [] };
  });
  await waitFor(() => member.texts().length === 5, { within: 8_000 });
  await member.stop();
  expect(member.texts()).toEqual(['a', 'b', 'c', 'b', 'c']);
});

it('brings a rejected batch to the next member', async () => {
  await publish(record('a'));
  const first = await receiving(async () => Promise.reject(new Error('on purpose')));
  await waitFor(() => first.texts().length > 0, { within: 8_000 });
  await first.stop();
  const second = await receiving(acknowledge);
  await waitFor(() => second.texts().length === 1, { within: 8_000 });
  await second.stop();
});

it('goes on with other records while a handler is slow, but not with those of its key', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const member = await receiving(async (batch) => {
    if (batch.some(({ value }) => String(value) === 'slow')) await gate;
    return { failed: [] };
  }, 1);
  await publish(record('slow', 'k'), record('same key', 'k'), record('other'));
  await waitFor(() => member.texts().includes('other'), { within: 8_000 });
  expect(member.texts().sort()).toEqual(['other', 'slow']);
  open();
  await waitFor(() => member.texts().includes('same key'), { within: 8_000 });
  await member.stop();
});

it('refuses a topic that no stream claims, and is not to be used after that', async () => {
  const publisher = await streamer.publisher();
  const unknown = { ...record('a'), topic: 'elsewhere' as Topic };
  await expect(publisher.publish([unknown])).rejects.toMatchObject({ code: 'topic_missing' });
  await expect(publisher.publish([record('a')])).rejects.toMatchObject({ code: 'publish_failed' });
});
