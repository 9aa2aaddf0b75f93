import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { createTopics } from '../../adapters/kafka/create-topics.ts';
import { header } from '../../events/headers.ts';
import { waitFor } from '../helpers/wait-for.ts';
import type { SeenValue } from './history.ts';

export interface SeenRecord extends SeenValue {
  readonly partition: number;
  readonly epoch: number;
}

export function plainClient(brokers: readonly string[]): Kafka {
  return new Kafka({ clientId: 'history', brokers: [...brokers], logLevel: logLevel.NOTHING });
}

/** Repeats what a broker that has just died, or just come back, refuses. */
export function patiently<T extends object | number>(work: () => Promise<T>): Promise<T> {
  return waitFor<T>(work, { within: 60_000, what: 'the brokers to answer' }) as Promise<T>;
}

/** Kafka's own tools would take a JVM each; the topic is gone or made when this resolves. */
export async function createTopic(
  brokers: readonly string[],
  topic: string,
  partitions = 3,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = plainClient(brokers).admin();
  await admin.connect();
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await createTopics(admin, [{ topic, numPartitions: partitions, configEntries }]).finally(() =>
    admin.disconnect(),
  );
}

/** How many records the topic holds now. */
export async function countTopic(brokers: readonly string[], topic: string): Promise<number> {
  const ends = await patiently(async () => {
    const admin = plainClient(brokers).admin();
    await admin.connect();
    return admin.fetchTopicOffsets(topic).finally(() => admin.disconnect());
  });
  return ends.reduce((sum, { low, high }) => sum + Number(BigInt(high) - BigInt(low)), 0);
}

/** Every record of the topic up to its present end: partition by partition, each in the order of its offsets. */
export async function readTopicFromStart(brokers: readonly string[], topic: string): Promise<SeenRecord[]> {
  const wanted = await countTopic(brokers, topic);
  const partitions: SeenRecord[][] = [];
  let found = 0;
  if (wanted === 0) return [];
  const consumer = plainClient(brokers).consumer({
    groupId: `history-${randomBytes(6).toString('hex')}`,
    maxWaitTimeInMs: 50,
  });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        partitions[batch.partition] ??= [];
        for (const { key, value, headers } of batch.messages) {
          partitions[batch.partition]?.push({
            key: String(key),
            value: String(value).trimEnd(),
            partition: batch.partition,
            epoch: Number(String(headers?.[header.epoch])),
          });
          found += 1;
        }
      },
    });
    await waitFor(() => found >= wanted, { within: 120_000, what: `${wanted} records of ${topic}` });
  } finally {
    await consumer.disconnect();
  }
  return partitions.flat();
}

/** Records that an earlier leader stored first, behind those of a later one: a leader that did not know it was over. */
export function publishedByZombies(records: readonly SeenRecord[]): SeenRecord[] {
  const known = new Set<string>();
  const latest = new Map<number, number>();
  return records.filter(({ value, partition, epoch }) => {
    const last = latest.get(partition) ?? 0;
    latest.set(partition, Math.max(last, epoch));
    const isNew = !known.has(value);
    known.add(value);
    return isNew && epoch < last;
  });
}
