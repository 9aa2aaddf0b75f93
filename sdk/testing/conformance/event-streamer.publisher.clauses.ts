import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { isMillraceError } from '../../../engine/errors.ts';
import type { IncomingRecord } from '../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../events/ids.ts';
import { newTopic, numbered, publishing, record, storedOf, textOf } from './event-streamer.fixtures.ts';
import type { StreamerClause } from './event-streamer.suite.ts';

export const storedClause: StreamerClause = {
  number: 1,
  title: 'publish resolves only when the broker has stored every record',
  checks: {
    'has stored key, value and headers byte for byte when it resolves': async (subject) => {
      const topic = await newTopic(subject);
      const bytes = Buffer.from([0, 255, 128, 10, 13]);
      const headers = [
        { name: 'first', value: bytes },
        { name: 'second', value: Buffer.from('ü') },
      ];
      const key = Buffer.from('key');
      const { refused } = await publishing(subject, (publisher) =>
        publisher.publish([{ topic, key, value: bytes, headers }]),
      );
      const [found] = await storedOf(subject, topic);
      deepEqual([found?.key, found?.value, found?.headers], [key, bytes, headers]);
      deepEqual(refused, []);
    },
    'has stored all of a thousand records over several topics': async (subject) => {
      const topics = [await newTopic(subject), await newTopic(subject)];
      const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
      const records = Array.from({ length: 1_000 }, (_, index) =>
        record(topics[index % 2] ?? ('' as Topic), { key: keys[index % 20] ?? '', value: String(index) }),
      );
      await publishing(subject, (publisher) => publisher.publish(records));
      const stored = (await Promise.all(topics.map((topic) => storedOf(subject, topic, keys)))).flat();
      deepEqual(new Set(stored.map(textOf)), new Set(records.map(({ value }) => value.toString())));
      equal(stored.length, records.length);
    },
    'has nothing to do for an empty array, and may be closed twice': async ({ streamer }) => {
      const publisher = await streamer.publisher();
      deepEqual(await publisher.publish([]), { refused: [] });
      await publisher.close();
      await publisher.close();
    },
  },
};

export const orderClause: StreamerClause = {
  number: 2,
  title: 'records of one key arrive in the order of the calls and of the array',
  checks: {
    'keeps the order of each of many keys over many calls': async (subject) => {
      const topic = await newTopic(subject);
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      await publishing(subject, async (publisher) => {
        for (let call = 0; call < 10; call += 1) {
          const numbers = Array.from({ length: 10 }, (_, index) => call * 10 + index);
          await publisher.publish(
            numbers.flatMap((number) => keys.map((key) => record(topic, { key, value: String(number) }))),
          );
        }
      });
      const stored = await storedOf(subject, topic, keys);
      for (const key of keys) {
        const own = stored.filter((one) => one.key?.toString() === key);
        deepEqual(
          own.map(textOf),
          Array.from({ length: 100 }, (_, number) => String(number)),
        );
        equal(new Set(own.map(({ partition }) => partition)).size, 1);
      }
    },
    'sends a key to the same partition from another publisher': async (subject) => {
      const topic = await newTopic(subject);
      for (let publisher = 0; publisher < 3; publisher += 1) {
        await publishing(subject, (one) => one.publish([record(topic)]));
      }
      const stored = await storedOf(subject, topic);
      equal(stored.length, 3);
      equal(new Set(stored.map(({ partition }) => partition)).size, 1);
    },
  },
};

export const refusalClause: StreamerClause = {
  number: 3,
  title: 'a record refused for its size is reported by its index, and its neighbours are stored',
  checks: {
    'reports each of several, and stores all others in order': async (subject) => {
      const [topic, other] = [await newTopic(subject), await newTopic(subject)];
      const records = [...numbered(topic, 20), ...numbered(other, 20)];
      for (const index of [0, 7, 8, 25, 39]) {
        const { topic: own } = records[index] ?? record(topic);
        records[index] = record(own, { value: subject.tooLarge });
      }
      const { refused } = await publishing(subject, (publisher) => publisher.publish(records));
      deepEqual(refused.map(({ index }) => index).toSorted(ascending), [0, 7, 8, 25, 39]);
      ok(refused.every(({ reason }) => reason !== ''));
      deepEqual(withoutCopies(await storedOf(subject, topic)), without(20, [0, 7, 8]));
      deepEqual(withoutCopies(await storedOf(subject, other)), without(20, [5, 19]));
    },
    'stores what is published afterwards': async (subject) => {
      const topic = await newTopic(subject);
      await publishing(subject, async (publisher) => {
        const { refused } = await publisher.publish([record(topic, { value: subject.tooLarge })]);
        deepEqual(
          refused.map(({ index }) => index),
          [0],
        );
        deepEqual((await publisher.publish(numbered(topic, 3))).refused, []);
      });
      deepEqual(withoutCopies(await storedOf(subject, topic)), ['0', '1', '2']);
    },
    'refuses no record for the size of the batch it is in': async (subject) => {
      const topic = await newTopic(subject);
      const value = Buffer.alloc(Math.floor(subject.tooLarge.length / 4), 'x');
      const records = Array.from({ length: 12 }, () => record(topic, { value }));
      const { refused } = await publishing(subject, (publisher) => publisher.publish(records));
      deepEqual(refused, []);
      ok((await storedOf(subject, topic)).length >= records.length);
    },
  },
};

export const failureClause: StreamerClause = {
  number: 4,
  title: 'any other failure rejects, and the publisher is unusable from then on',
  checks: {
    'rejects with a MillraceError, then refuses a call that would have worked': async (subject) => {
      const topic = await newTopic(subject);
      const publisher = await subject.streamer.publisher();
      try {
        await rejects(publisher.publish(numbered(missing(topic), 1)), isMillraceError);
        await rejects(publisher.publish(numbered(topic, 1)), isMillraceError);
      } finally {
        await publisher.close();
      }
      await publishing(subject, (another) => another.publish(numbered(topic, 1)));
      equal((await storedOf(subject, topic)).length, 1);
    },
    'rejects a call of which a part could have been stored': async (subject) => {
      const topic = await newTopic(subject);
      const publisher = await subject.streamer.publisher();
      const records = [...numbered(topic, 2), ...numbered(missing(topic), 1), ...numbered(topic, 2)];
      await rejects(publisher.publish(records), isMillraceError);
      await publisher.close();
    },
    'rejects once it is closed': async (subject) => {
      const topic = await newTopic(subject);
      const publisher = await subject.streamer.publisher();
      await publisher.close();
      await rejects(publisher.publish(numbered(topic, 1)), isMillraceError);
    },
  },
};

export const unknownTopicClause: StreamerClause = {
  number: 5,
  title: 'an unknown topic rejects, and no topic is created by publishing',
  checks: {
    'says topic_missing and names it, and leaves it missing': async (subject) => {
      const unknown = missing(await newTopic(subject));
      const publisher = await subject.streamer.publisher();
      await rejects(publisher.publish(numbered(unknown, 1)), (error) => {
        ok(isMillraceError(error) && error.code === 'topic_missing');
        ok(error.message.includes(unknown));
        return true;
      });
      await publisher.close();
      const again = await subject.streamer.publisher();
      await rejects(again.publish(numbered(unknown, 1)), isMillraceError);
      await again.close();
    },
  },
};

function missing(topic: Topic): Topic {
  return `${topic}.missing` as Topic;
}

function without(count: number, gone: readonly number[]): string[] {
  return Array.from({ length: count }, (_, index) => index)
    .filter((index) => !gone.includes(index))
    .map(String);
}

/** A publisher that had to try again may have stored a record twice; the first copies must be all, and in order. */
function withoutCopies(records: readonly IncomingRecord[]): string[] {
  return [...new Set(records.map(textOf))];
}

function ascending(a: number, b: number): number {
  return a - b;
}
