import { expect, test } from 'vitest';
import type { OutgoingPack, Publisher, PublishReceipt } from '../../../engine/ports/event-streamer.ts';
import type { PublishedBatch, SpanFields } from '../../../engine/ports/tracing.ts';
import { header } from '../../../events/headers.ts';
import type { JobId, Topic } from '../../../events/ids.ts';
import { encodePack } from '../../../events/pack.ts';
import { tracedStreamer } from '../../../relay-cdc/traced-streamer.ts';

const TOPIC = 'workflow.jobs.noop' as Topic;

/** A pack of so many messages, the context of each named after the pack and its place. */
function pack(name: string, count: number, traced = true): OutgoingPack {
  const messages = Array.from({ length: count }, (_, place) => ({
    jobId: '00000000-0000-0000-0000-000000000000' as JobId,
    key: Buffer.from('key'),
    value: Buffer.from('{}'),
    headers: [
      { name: header.dedupId, value: Buffer.from('id') },
      ...(traced ? [{ name: header.traceparent, value: Buffer.from(`${name}-${place}`) }] : []),
    ],
  }));
  const headers = [{ name: header.epoch, value: Buffer.from('7') }];
  return { topic: TOPIC, messages: encodePack(messages), messageCount: count, headers, firstIndex: 0 };
}

/** What the publisher behind is asked, and what is traced of it. */
async function openTraced(publisher: Partial<Publisher>) {
  const calls: [string, number][] = [];
  const spans: { batch: PublishedBatch; fields?: SpanFields; error?: unknown }[] = [];
  const answer: PublishReceipt = { refused: [{ index: 3, reason: 'too large' }] };
  const behind: Publisher = {
    publish: async (records) => {
      calls.push(['records', records.length]);
      return answer;
    },
    close: async () => undefined,
    ...publisher,
  };
  const publish = (batch: PublishedBatch) => {
    const span: (typeof spans)[number] = { batch };
    spans.push(span);
    return { end: (fields: SpanFields = {}, error?: unknown) => void Object.assign(span, { fields, error }) };
  };
  const streamer = tracedStreamer({ publisher: async () => behind }, { publish });
  return { traced: await streamer.publisher(), calls, spans, answer };
}

test('packs reach the publisher as packs, in one span that counts them and their messages', async () => {
  const seen: unknown[] = [];
  const packs = [pack('a', 100), pack('b', 3)];
  const { traced, calls, spans, answer } = await openTraced({
    publishPacks: async (given) => {
      seen.push(given);
      return { refused: [{ index: 3, reason: 'too large' }] };
    },
  });
  expect(await traced.publishPacks?.(packs)).toEqual(answer);
  expect(seen).toEqual([packs]);
  expect(seen[0]).toBe(packs);
  expect(calls).toEqual([]);
  expect(spans).toMatchObject([
    { batch: { messages: 103, packs: 2, topics: [TOPIC], term: '7' }, fields: { 'millrace.refused': 1 } },
  ]);
});

test('the span is linked to some messages of every pack, and to no more of many', async () => {
  const { traced, spans } = await openTraced({ publishPacks: async () => ({ refused: [] }) });
  await traced.publishPacks?.([pack('a', 100), pack('b', 3)]);
  await traced.publishPacks?.(Array.from({ length: 2_000 }, (_, index) => pack(`p${index}`, 2)));
  await traced.publishPacks?.([pack('none', 5, false)]);
  await traced.publishPacks?.([]);
  const links = spans.map(({ batch }) => batch.links);
  expect(links[0]?.filter((link) => link.startsWith('a-'))).toHaveLength(16);
  expect(links[0]?.slice(16)).toEqual(['b-0', 'b-1', 'b-2']);
  expect(links[1]).toEqual(Array.from({ length: 32 }, (_, index) => `p${index}-0`));
  expect(links.slice(2)).toEqual([[], []]);
});

test('a publisher that takes no packs is handed records, in a span all the same', async () => {
  const { traced, calls, spans } = await openTraced({});
  await traced.publishPacks?.([pack('a', 2), pack('b', 3)]);
  expect(calls).toEqual([['records', 5]]);
  expect(spans).toMatchObject([{ batch: { messages: 5, packs: 2 } }]);
});

test('a call that fails ends its span with the error, and fails', async () => {
  const away = new Error('away');
  const { traced, spans } = await openTraced({ publishPacks: () => Promise.reject(away) });
  await expect(traced.publishPacks?.([pack('a', 1)])).rejects.toBe(away);
  expect(spans).toMatchObject([{ error: away }]);
});
