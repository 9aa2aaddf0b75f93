import { Admin } from '@platformatic/kafka';
import type { LagReader } from '../../engine/ports/consumer-lag.ts';
import type { Topic } from '../../events/ids.ts';
import { jobTopic, workerGroup } from '../../events/topics.ts';
import type { KafkaConfig } from './config.ts';
import { connectionOptions } from './connection-options.ts';
import { translate } from './errors.ts';
import { resolveBrokers } from './msk-brokers.ts';
import { TimestampSearch } from './timestamp-search.ts';

const LATEST = -1n;
const EARLIEST = -2n;

interface Known {
  readonly offset: bigint;
  readonly timestamp: number;
}

/**
 * Reads the lag of worker groups, whoever commits for them: a consumer, or an event source mapping. It needs the right to
 * describe topics and groups, and none to read what is in them.
 */
export async function openLagReader(config: KafkaConfig): Promise<LagReader> {
  const admin = new Admin({
    clientId: 'millrace-lag',
    bootstrapBrokers: await resolveBrokers(config),
    retries: 1,
    ...connectionOptions(config),
  });
  // While a group stands still, the time of its next record need not be looked for again.
  const known = new Map<string, Known>();
  return {
    async read(step) {
      const [topic, group] = [jobTopic(step), workerGroup(step)];
      try {
        const { timestamps, ...rest } = await oldestUncommitted(admin, { topic, group, known });
        return { step, topic, group, seconds: ageOf(timestamps), ...rest };
      } catch (error) {
        throw translate(error, { config, doing: `reading the offsets of ${group}` });
      }
    },
    close: () => admin.close(),
  };
}

function ageOf(timestamps: readonly number[]): number {
  return timestamps.length === 0 ? 0 : Math.max(0, (Date.now() - Math.min(...timestamps)) / 1000);
}

interface Subject {
  readonly topic: Topic;
  readonly group: string;
  readonly known: Map<string, Known>;
}

/** @returns the time of the next record of each partition that has one */
async function oldestUncommitted(
  admin: Admin,
  subject: Subject,
): Promise<{ timestamps: number[]; messages: number; hasCommitted: boolean }> {
  const { topic, known } = subject;
  const { waiting, messages, hasCommitted } = await firstUncommitted(admin, subject);
  const searches = new Map<number, TimestampSearch>();
  const now = Date.now();
  for (const [partition, offset] of waiting) {
    if (known.get(`${topic}/${partition}`)?.offset !== offset) {
      searches.set(partition, new TimestampSearch(offset, now));
    }
  }
  await search(admin, topic, searches);
  for (const [partition, { timestamp = now }] of searches) {
    known.set(`${topic}/${partition}`, { offset: waiting.get(partition) ?? 0n, timestamp });
  }
  const timestamps = [...waiting.keys()].map(
    (partition) => known.get(`${topic}/${partition}`)?.timestamp ?? now,
  );
  return { timestamps, messages, hasCommitted };
}

/** By partition, only where there is one. */
async function firstUncommitted(
  admin: Admin,
  { topic, group }: Subject,
): Promise<{ waiting: Map<number, bigint>; messages: number; hasCommitted: boolean }> {
  const metadata = await admin.metadata({ topics: [topic], autocreateTopics: false });
  const partitions = Object.keys(metadata.topics.get(topic)?.partitions ?? {}).map(Number);
  const request = { groupId: group, topics: [{ name: topic, partitionIndexes: partitions }] };
  const [committed, first, end] = await Promise.all([
    admin.listConsumerGroupOffsets({ groups: [request] }),
    offsetsAt(admin, topic, new Map(partitions.map((partition) => [partition, EARLIEST]))),
    offsetsAt(admin, topic, new Map(partitions.map((partition) => [partition, LATEST]))),
  ]);
  const positions = new Map(
    committed[0]?.topics[0]?.partitions.map(({ partitionIndex, committedOffset }) => [
      partitionIndex,
      committedOffset,
    ]),
  );
  const waiting = new Map<number, bigint>();
  let messages = 0;
  for (const partition of partitions) {
    // A group that has committed nothing has everything before it; what retention has removed, it will never read.
    const start = first.get(partition)?.offset ?? 0n;
    const position = positions.get(partition) ?? -1n;
    const next = position > start ? position : start;
    const last = end.get(partition)?.offset ?? 0n;
    if (next >= last) continue;
    waiting.set(partition, next);
    messages += Number(last - next);
  }
  return { waiting, messages, hasCommitted: [...positions.values()].some((offset) => offset >= 0n) };
}

/** All partitions side by side: a round is one request to each broker. */
async function search(admin: Admin, topic: Topic, searches: ReadonlyMap<number, TimestampSearch>) {
  for (;;) {
    const open = [...searches].filter(([, { timestamp }]) => timestamp === undefined);
    if (open.length === 0) return;
    const answers = await offsetsAt(
      admin,
      topic,
      new Map(open.map(([partition, { probe }]) => [partition, BigInt(probe)])),
    );
    for (const [partition, one] of open) {
      const answer = answers.get(partition);
      one.found(
        answer && answer.offset >= 0n ? { ...answer, timestamp: Number(answer.timestamp) } : undefined,
      );
    }
  }
}

async function offsetsAt(admin: Admin, topic: Topic, timestamps: ReadonlyMap<number, bigint>) {
  const partitions = [...timestamps].map(([partitionIndex, timestamp]) => ({ partitionIndex, timestamp }));
  const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
  return new Map(answer?.partitions.map((partition) => [partition.partitionIndex, partition]));
}
