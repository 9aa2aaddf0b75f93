import { expect, test } from 'vitest';
import { readKafkaConfig } from '../../../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../../../adapters/kafka/event-streamer.ts';
import type { BatchOutcome, IncomingRecord } from '../../../../engine/ports/event-streamer.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import type { Topic } from '../../../../events/ids.ts';
import {
  createTopics,
  describeKafka,
  kafkaBrokers,
  kafkaClient,
  uniqueTopic,
  withAdmin,
} from '../../../helpers/kafka.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const RECORDS = 10;
const ALL_HANDLED: BatchOutcome = { failed: [] };

describeKafka('a member of a group that is joined anew', () => {
  test('forgets what it had fetched ahead: whoever has the partition then handles that, and nobody else', async () => {
    const topic = uniqueTopic('rejoin') as Topic;
    const group = `${topic}.workers`;
    await createTopics([{ topic, partitions: 1 }]);
    await produce(topic);
    const handled: bigint[] = [];
    const first = Promise.withResolvers<void>();
    const handle = async (batch: readonly IncomingRecord[]) => {
      handled.push(...batch.map(({ offset }) => offset));
      if (handled.length === 1) await first.promise;
      return ALL_HANDLED;
    };
    const stop = new AbortController();
    const members: Promise<void>[] = [];
    const join = async () => {
      const receiver = await streamer().receiver({ topic, group, batchSize: 1, batchWindowMs: 0 });
      members.push(receiver.run(handle, stop.signal));
    };
    try {
      await join();
      await waitFor(() => handled.length === 1, { within: 60_000, what: 'the first record' });
      await join();
      await waitFor(() => hasMembers(group, 2), { within: 60_000, what: 'both members in the group' });
      first.resolve();
      await waitFor(async () => (await committed(group, topic)) === RECORDS, {
        within: 60_000,
        what: 'all to be committed',
      });
    } finally {
      first.resolve();
      stop.abort();
      await Promise.all(members);
    }
    const behindTheFirst = handled.filter((offset) => offset > 0n);
    expect(behindTheFirst).toEqual(Array.from({ length: RECORDS - 1 }, (_, index) => BigInt(index + 1)));
  });
});

function streamer() {
  const env = { WE_KAFKA_TRANSPORT: 'plaintext', WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') };
  return createKafkaStreamer(readKafkaConfig(env), silentLogger);
}

async function produce(topic: string): Promise<void> {
  const producer = kafkaClient().producer();
  await producer.connect();
  await producer.send({ topic, messages: Array.from({ length: RECORDS }, () => ({ value: 'x' })) });
  await producer.disconnect();
}

function hasMembers(group: string, count: number): Promise<boolean> {
  return withAdmin(async (admin) => {
    const { groups } = await admin.describeGroups([group]);
    return groups[0]?.state === 'Stable' && groups[0].members.length === count;
  });
}

function committed(group: string, topic: string): Promise<number> {
  return withAdmin(async (admin) => {
    const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    return Number(offsets?.partitions[0]?.offset);
  });
}
