import { deepEqual, equal, ok } from 'node:assert/strict';
import type { BatchOutcome, IncomingRecord } from '../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../events/ids.ts';
import {
  acknowledge,
  aGroup,
  newTopic,
  numbered,
  publishing,
  Receiving,
  record,
  textOf,
} from './event-streamer.fixtures.ts';
import type { StreamerClause, StreamerUnderTest } from './event-streamer.suite.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';

export const redeliveryClause: StreamerClause = {
  number: 6,
  title: 'a delivery that was not acknowledged comes again',
  checks: {
    'delivers to the next receiver of the group what the first one rejected': async (subject) => {
      const [topic, group] = [await topicWith(subject, 3), aGroup()];
      await using first = await Receiving.start(subject, { topic, group, handle: reject });
      await first.until(({ batches }) => batches.length > 0, 'a batch to be rejected');
      await first.stop();
      await using second = await Receiving.start(subject, { topic, group });
      await second.until(({ texts }) => texts.length >= 3, 'the rejected records to come again');
      deepEqual(second.texts, ['0', '1', '2']);
    },
    'delivers again to the same receiver, from the failed record on': async (subject) => {
      const [topic, group] = [await topicWith(subject, 6), aGroup()];
      const passed: string[] = [];
      const handle = failingOnce(new Set(['2', '4']), passed);
      await using receiving = await Receiving.start(subject, { topic, group, handle });
      await receiving.until(() => passed.includes('5'), 'all records to pass');
      await receiving.stop();
      deepEqual(passed, ['0', '1', '2', '3', '4', '5']);
      equal(receiving.texts.filter((text) => text === '1').length, 1);
      equal(receiving.texts.filter((text) => text === '2').length, 2);
      await using next = await Receiving.start(subject, { topic, group });
      await publishing(subject, (publisher) => publisher.publish([record(topic, { value: 'new' })]));
      await next.until(({ texts }) => texts.includes('new'), 'the record after the acknowledged ones');
      deepEqual(next.texts, ['new']);
    },
    'keeps a failure of one partition from holding what another has acknowledged': async (subject) => {
      const [topic, group] = [await newTopic(subject), aGroup()];
      const keys = Array.from({ length: 24 }, (_, index) => `k${index}`);
      await publishing(subject, (publisher) =>
        publisher.publish(keys.map((key) => record(topic, { key, value: key }))),
      );
      let bad: number | undefined;
      const handle = async (batch: Batch): Promise<BatchOutcome> => {
        bad ??= batch[0]?.partition;
        const failed = batch.find(({ partition }) => partition === bad);
        return { failed: failed ? [{ partition: failed.partition, offset: failed.offset }] : [] };
      };
      await using first = await Receiving.start(subject, { topic, group, batchSize: 100, handle });
      await first.until(({ texts }) => new Set(texts).size === keys.length, 'every record');
      await first.stop();
      const rejected = new Set(recordsOf(first, bad));
      ok(rejected.size > 0 && rejected.size < keys.length);
      await using second = await Receiving.start(subject, { topic, group });
      await second.until(({ texts }) => texts.length >= rejected.size, 'what was not acknowledged');
      deepEqual(new Set(second.texts), rejected);
    },
  },
};

export const partitionClause: StreamerClause = {
  number: 7,
  title: 'deliveries of one partition come in offset order, one batch at a time',
  checks: {
    'hands over every record once and in order, in batches no larger than asked for': async (subject) => {
      const topic = await topicOfKeys(subject);
      const watch = new PartitionWatch();
      await using receiving = await Receiving.start(subject, {
        topic,
        group: aGroup(),
        batchSize: 7,
        batchWindowMs: 5,
        handle: (batch) => watch.handle(batch),
      });
      await receiving.until(({ texts }) => texts.length >= 120, 'every record');
      await receiving.stop();
      equal(receiving.texts.length, 120);
      deepEqual(watch.faults, []);
      ok(receiving.batches.every(({ length }) => length > 0 && length <= 7));
    },
    'goes on with the other partitions, again and again, while a handler of one is busy': async (subject) => {
      const topic = await topicOfKeys(subject);
      const { promise: gate, resolve: open } = Promise.withResolvers<void>();
      let busy: number | undefined;
      const handle = async (batch: Batch): Promise<BatchOutcome> => {
        busy ??= batch[0]?.partition;
        if (batch.some(({ partition }) => partition === busy)) await gate;
        return { failed: [] };
      };
      await using receiving = await Receiving.start(subject, { topic, group: aGroup(), handle });
      await receiving.until(() => busy !== undefined, 'the first batch');
      for (const round of ['a', 'b']) {
        const keys = Array.from({ length: 24 }, (_, index) => `k${index}`);
        const published = keys.map((key) => record(topic, { key, value: `${round} ${key}` }));
        await publishing(subject, (publisher) => publisher.publish(published));
        const arrived = ({ texts }: Receiving) => texts.some((text) => text.startsWith(round));
        await receiving.until(arrived, `records of round ${round} beside the busy partition`);
      }
      open();
      await receiving.until(({ texts }) => new Set(texts).size === 120 + 48, 'every record');
      await receiving.stop();
      equal(receiving.texts.length, 120 + 48);
    },
    'does so also when two members share the partitions': async (subject) => {
      const [topic, group] = [await topicOfKeys(subject), aGroup()];
      const watch = new PartitionWatch();
      const options = { topic, group, batchSize: 5, handle: (batch: Batch) => watch.handle(batch) };
      await using first = await Receiving.start(subject, options);
      await using second = await Receiving.start(subject, options);
      const all = () => new Set([...first.texts, ...second.texts]).size === 120;
      await first.until(all, 'every record at one of the two');
      await first.stop();
      await second.stop();
      // A member that joins late may get again what was under way; nothing may be passed over.
      deepEqual(
        watch.faults.filter((fault) => fault.includes('skipped')),
        [],
      );
    },
  },
};

export const abortClause: StreamerClause = {
  number: 8,
  title: 'aborting ends the iteration after the batch under way, and leaves the group',
  checks: {
    'waits for the batch under way, and keeps its acknowledgement': async (subject) => {
      const [topic, group] = [await topicWith(subject, 2), aGroup()];
      const { promise: gate, resolve: open } = Promise.withResolvers<void>();
      let finished = false;
      const handle = async (): Promise<BatchOutcome> => {
        await gate;
        finished = true;
        return { failed: [] };
      };
      await using first = await Receiving.start(subject, { topic, group, handle });
      await first.until(({ batches }) => batches.length === 1, 'a batch');
      const ended = first.stop().then(() => finished);
      await publishing(subject, (publisher) => publisher.publish([record(topic, { value: 'after' })]));
      // A receiver that does not wait ends by now.
      await new Promise((resolve) => setImmediate(resolve));
      open();
      equal(await ended, true);
      await using second = await Receiving.start(subject, { topic, group });
      await second.until(({ texts }) => texts.includes('after'), 'the record after the batch');
      const seen = first.texts.length;
      deepEqual([...first.texts, ...second.texts], ['0', '1', 'after']);
      ok(seen >= 1);
    },
    'ends while there is nothing to receive, and leaves its partitions to the next member': async (
      subject,
    ) => {
      const [topic, group] = [await newTopic(subject), aGroup()];
      const first = await Receiving.start(subject, { topic, group });
      await first.stop();
      await using second = await Receiving.start(subject, { topic, group });
      const keys = Array.from({ length: 8 }, (_, index) => `k${index}`);
      await publishing(subject, (publisher) =>
        publisher.publish(keys.map((key) => record(topic, { key, value: key }))),
      );
      await second.until(({ texts }) => texts.length === keys.length, 'the records of every partition');
    },
    'ends at once when the signal has aborted before': async (subject) => {
      const topic = await topicWith(subject, 1);
      const options = { topic, group: aGroup(), batchSize: 1, batchWindowMs: 0 };
      const receiver = await subject.streamer.receiver(options);
      let ended = false;
      const run = receiver.run(acknowledge, AbortSignal.abort()).then(() => {
        ended = true;
      });
      await waitFor(() => ended, { within: patienceOf(subject), what: 'run to end' });
      await run;
    },
  },
};

type Batch = readonly IncomingRecord[];

/** Looks at the batches of each partition: offsets without gaps, and never two batches at a time. */
class PartitionWatch {
  readonly faults: string[] = [];
  readonly #next = new Map<number, bigint>();
  readonly #open = new Set<number>();

  async handle(batch: Batch): Promise<BatchOutcome> {
    const partitions = new Set(batch.map(({ partition }) => partition));
    for (const partition of partitions) {
      if (this.#open.has(partition)) this.faults.push(`two batches of partition ${partition} at a time`);
      this.#open.add(partition);
    }
    for (const { partition, offset } of batch) {
      const next = this.#next.get(partition) ?? 0n;
      if (offset > next) this.faults.push(`skipped from ${next} to ${offset} of partition ${partition}`);
      if (offset < next) this.faults.push(`back from ${next} to ${offset} of partition ${partition}`);
      this.#next.set(partition, offset >= next ? offset + 1n : next);
    }
    await new Promise((resolve) => setImmediate(resolve));
    for (const partition of partitions) this.#open.delete(partition);
    return { failed: [] };
  }
}

async function topicWith(subject: StreamerUnderTest, count: number): Promise<Topic> {
  const topic = await newTopic(subject);
  await publishing(subject, (publisher) => publisher.publish(numbered(topic, count)));
  return topic;
}

/** 120 records with texts of their own, of 24 keys. */
async function topicOfKeys(subject: StreamerUnderTest): Promise<Topic> {
  const topic = await newTopic(subject);
  const records = Array.from({ length: 120 }, (_, index) =>
    record(topic, { key: `k${index % 24}`, value: String(index) }),
  );
  await publishing(subject, (publisher) => publisher.publish(records));
  return topic;
}

function recordsOf({ batches }: Receiving, wanted: number | undefined): string[] {
  return batches
    .flat()
    .filter(({ partition }) => partition === wanted)
    .map(textOf);
}

async function reject(): Promise<BatchOutcome> {
  throw new Error('this batch is rejected on purpose');
}

/** Fails at the first record with one of these texts, once for each; adds what it acknowledges to `passed`. */
function failingOnce(texts: Set<string>, passed: string[]): (batch: Batch) => Promise<BatchOutcome> {
  return async (batch) => {
    const at = batch.findIndex((one) => texts.delete(textOf(one)));
    passed.push(...batch.slice(0, at === -1 ? batch.length : at).map(textOf));
    const bad = batch[at];
    return { failed: bad ? [{ partition: bad.partition, offset: bad.offset }] : [] };
  };
}
