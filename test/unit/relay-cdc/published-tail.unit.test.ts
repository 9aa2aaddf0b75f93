import { expect, test } from 'vitest';
import { systemClock } from '../../../adapters/system/clock.ts';
import type { OutgoingRecord, Publisher } from '../../../engine/ports/event-streamer.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { header } from '../../../events/headers.ts';
import type { Topic } from '../../../events/ids.ts';
import { parseLsn } from '../../../relay-cdc/lsn.ts';
import { PublishedTail, readPublished, SkippingPublisher } from '../../../relay-cdc/published-tail.ts';

const TOPIC = 'workflow.jobs.a' as Topic;

function record(id: string, lsn = '0/10', topic = TOPIC): OutgoingRecord {
  const headers = [
    { name: header.dedupId, value: Buffer.from(id) },
    { name: header.commitLsn, value: Buffer.from(lsn) },
  ];
  return { topic, key: Buffer.from(id), value: Buffer.from(id), headers };
}

function tailOf(...records: readonly OutgoingRecord[]): PublishedTail {
  const tail = new PublishedTail();
  for (const one of records) tail.note(one);
  return tail;
}

test('a message is known by topic and dedup id, when its copy was not committed after it', () => {
  const tail = tailOf(record('a.1', '1/20'));
  expect(tail.has(record('a.1', '1/20'))).toBe(true);
  // Published from the table: with a position after its commit.
  expect(tail.has(record('a.1', '1/30'))).toBe(true);
  // The copy is from a time that the database no longer knows.
  expect(tail.has(record('a.1', '1/1F'))).toBe(false);
  expect(tail.has(record('a.2', '1/20'))).toBe(false);
  expect(tail.has(record('a.1', '1/20', 'workflow.jobs.b' as Topic))).toBe(false);
});

test('it may hold what the log brings up to its newest commit, and whatever comes from the table', () => {
  const row = { id: 1n, topic: TOPIC, messageCount: 1, messages: Buffer.alloc(0) };
  const at = (lsn: string) => ({ row, commitLsn: parseLsn(lsn), firstIndex: 0 });
  const tail = tailOf(record('a.1', '1/20'), record('a.2', '1/30'), record('a.3', '1/10'));
  expect(tail.mayHold([at('1/30')])).toBe(true);
  expect(tail.mayHold([at('1/31'), at('2/0')])).toBe(false);
  expect(tail.mayHold([{ ...at('1/31'), fromTable: true }])).toBe(true);
  tail.forget();
  expect(tail.mayHold([at('1/30'), { ...at('1/31'), fromTable: true }])).toBe(false);
});

test('a record without our headers is known for nothing, and takes nothing along', () => {
  const foreign = { ...record('a.1'), headers: [] };
  const odd = record('a.1', 'not a position');
  const tail = tailOf(foreign, odd);
  expect(tail.size).toBe(0);
  expect([foreign, odd, record('a.1')].map((one) => tail.has(one))).toEqual([false, false, false]);
});

test('what the log has is left out, and a refusal is told by the index in what was asked for', async () => {
  const sent: string[] = [];
  const inner: Publisher = {
    publish: async (records) => {
      sent.push(...records.map(({ key }) => key.toString()));
      return { refused: [{ index: 1, reason: 'too large' }] };
    },
    close: () => Promise.resolve(),
  };
  let skipped = 0;
  const metrics = { skipped: (messages: number) => (skipped += messages) };
  const tail = tailOf(record('b.1'), record('c.1'));
  const publisher = new SkippingPublisher(inner, tail, { skipped: (count) => void metrics.skipped(count) });
  const receipt = await publisher.publish(['a.1', 'b.1', 'c.1', 'd.1', 'e.1'].map((id) => record(id)));
  expect(sent).toEqual(['a.1', 'd.1', 'e.1']);
  expect(receipt.refused).toEqual([{ index: 3, reason: 'too large' }]);
  expect(skipped).toBe(2);
  tail.forget();
  await publisher.publish([record('b.1')]);
  expect(sent.at(-1)).toBe('b.1');
});

test('a log that cannot be read costs what was not read, and nothing else', async () => {
  const tail = new PublishedTail();
  await readPublished(
    tail,
    {
      read: async (_topics, _options, each) => {
        each(record('a.1'));
        throw new Error('not authorized');
      },
      topics: () => Promise.resolve([TOPIC]),
      perPartition: 10,
      clock: systemClock,
      logger: silentLogger,
    },
    new AbortController().signal,
  );
  expect(tail.has(record('a.1'))).toBe(true);
});
