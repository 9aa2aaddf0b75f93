import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import type { OutgoingRecord, Publisher } from '../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../events/ids.ts';

const KEYS = 5;

/** What a run left on the topic, against what was published. */
export interface Tally {
  readonly lost: number;
  readonly duplicates: number;
  /** Records whose first occurrence comes before that of an earlier one of their key. */
  readonly disorder: number;
  /** Calls that rejected, and were replayed through a new publisher, as the relay does. */
  readonly rejected: number;
}

export interface Drive {
  readonly brokers: readonly string[];
  readonly open: () => Promise<Publisher>;
  /** How many, or whether there shall be one more. */
  readonly calls: number | (() => boolean);
  readonly perCall?: number;
  /** Told before each call, by its number. */
  readonly before?: (call: number) => void | Promise<void>;
  /** Told when all is published, before it is read. */
  readonly after?: () => void | Promise<void>;
}

/** Publishes call after call, replays what is rejected, and reads what is there. */
export async function drive({ brokers, open, calls, perCall = 20, before, after }: Drive): Promise<Tally> {
  const topic = await newTopic(brokers);
  let rejected = 0;
  let publisher = await open();
  let call = 0;
  for (; typeof calls === 'number' ? call < calls : calls(); call += 1) {
    await before?.(call);
    const records = recordsOf(topic, call * perCall, perCall);
    for (let isStored = false; !isStored; ) {
      try {
        await publisher.publish(records);
        isStored = true;
      } catch (error) {
        rejected += 1;
        if (rejected > call + 50) throw new Error('the publisher never recovers', { cause: error });
        await publisher.close().catch(() => undefined);
        publisher = await reopen(open);
      }
    }
  }
  await after?.();
  await publisher.close();
  return { ...(await tally(brokers, topic, call * perCall)), rejected };
}

const REOPENINGS = 20;

/** While the brokers are away no publisher can be opened either. */
async function reopen(open: () => Promise<Publisher>): Promise<Publisher> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open();
    } catch (error) {
      if (attempt === REOPENINGS) throw error;
    }
  }
}

export function recordsOf(topic: Topic, from: number, count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    topic,
    key: Buffer.from(`key-${(from + index) % KEYS}`),
    value: Buffer.from(String(from + index)),
    headers: [],
  }));
}

export async function newTopic(brokers: readonly string[]): Promise<Topic> {
  const topic = `kit.${randomUUID()}` as Topic;
  const admin = clientOf(brokers).admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 3 }] });
  await admin.disconnect();
  return topic;
}

export interface StoredRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  readonly value: string;
}

export async function tally(
  brokers: readonly string[],
  topic: Topic,
  published: number,
): Promise<Omit<Tally, 'rejected'>> {
  let found = tallyOf(await readAll(brokers, topic), published);
  // A leader that is new may not show its last records at once.
  for (let again = 0; found.lost > 0 && again < 10; again += 1) {
    found = tallyOf(await readAll(brokers, topic), published);
  }
  return found;
}

function tallyOf(stored: readonly StoredRecord[], published: number): Omit<Tally, 'rejected'> {
  const first = new Set<number>();
  const newest = new Map<string, number>();
  let disorder = 0;
  for (const { key, value } of stored) {
    const number = Number(value);
    if (first.has(number)) continue;
    first.add(number);
    if (number < (newest.get(key) ?? -1)) disorder += 1;
    newest.set(key, Math.max(number, newest.get(key) ?? -1));
  }
  return { lost: published - first.size, duplicates: stored.length - first.size, disorder };
}

/** Everything on the topic up to its present end, in the order of each partition. */
export async function readAll(brokers: readonly string[], topic: Topic): Promise<StoredRecord[]> {
  const kafka = clientOf(brokers);
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const wanted = ends.reduce((sum, { high }) => sum + Number(high), 0);
  const found: StoredRecord[] = [];
  if (wanted === 0) return found;
  const consumer = kafka.consumer({ groupId: `reader.${randomUUID()}`, maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachMessage: async ({ partition, message: { offset, key, value } }) => {
          found.push({ partition, offset: BigInt(offset), key: String(key), value: String(value) });
          if (found.length === wanted) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return found;
}

function clientOf(brokers: readonly string[]): Kafka {
  return new Kafka({ clientId: 'kit', brokers: [...brokers], logLevel: logLevel.NOTHING });
}
