import { afterEach, expect, test } from 'vitest';
import { readKafkaConfig } from '../../../../adapters/kafka/config.ts';
import { openLagReader } from '../../../../adapters/kafka/consumer-lag.ts';
import { kafkaUsers } from '../../../../cli/dev/backends/kafka-properties.ts';
import type { LagReader } from '../../../../engine/ports/consumer-lag.ts';
import type { StepId } from '../../../../events/ids.ts';
import { jobTopic, workerGroup } from '../../../../events/topics.ts';
import {
  createTopics,
  describeKafka,
  describeSecuredKafka,
  grant,
  kafkaBrokers,
  kafkaCaPath,
  kafkaClient,
  securedBrokers,
  uniqueTopic,
  withAdmin,
} from '../../../helpers/kafka.ts';

const HOUR = 3_600_000;
let reader: LagReader | undefined;

afterEach(async () => {
  await reader?.close();
  reader = undefined;
});

async function open(env: Record<string, string> = {}): Promise<LagReader> {
  const plain = { WE_KAFKA_TRANSPORT: 'plaintext', WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') };
  reader = await openLagReader(readKafkaConfig({ ...plain, ...env }));
  return reader;
}

/** A step with two partitions; the records of the first are as old as told. */
async function stepWith(agesMs: readonly number[]): Promise<StepId> {
  const step = uniqueTopic('lag') as StepId;
  const topic = jobTopic(step);
  await createTopics([{ topic, partitions: 2 }]);
  const now = Date.now();
  const messages = agesMs.map((age) => ({ partition: 0, value: 'x', timestamp: String(now - age) }));
  const producer = kafkaClient().producer();
  await producer.connect();
  if (messages.length > 0) await producer.send({ topic, messages });
  await producer.disconnect();
  return step;
}

function commit(step: StepId, offset: number): Promise<void> {
  const partitions = [{ partition: 0, offset: String(offset) }];
  return withAdmin((admin) =>
    admin.setOffsets({ groupId: workerGroup(step), topic: jobTopic(step), partitions }),
  );
}

describeKafka('how far the workers of a step are behind', () => {
  test('is the age of the oldest record that their group has not committed', async () => {
    const step = await stepWith([2 * HOUR, HOUR, 60_000]);
    const lag = await open();
    await commit(step, 1);
    const first = await lag.read(step);
    expect(first).toMatchObject({ topic: jobTopic(step), group: workerGroup(step), hasCommitted: true });
    expect(first.seconds).toBeGreaterThanOrEqual(3_600);
    expect(first.seconds).toBeLessThan(3_600 * 1.1);
    await commit(step, 2);
    const second = await lag.read(step);
    expect(second.seconds).toBeGreaterThanOrEqual(60);
    expect(second.seconds).toBeLessThan(3_600);
  });

  test('is nothing when all is committed, and when there never was a record', async () => {
    const step = await stepWith([HOUR]);
    const lag = await open();
    await commit(step, 1);
    expect((await lag.read(step)).seconds).toBe(0);
    expect((await lag.read(await stepWith([]))).seconds).toBe(0);
  });

  test('counts from the first record when the group has never committed', async () => {
    const step = await stepWith([2 * HOUR, 0]);
    const read = await (await open()).read(step);
    expect(read.seconds).toBeGreaterThanOrEqual(7_200);
    expect(read.hasCommitted).toBe(false);
  });

  test('grows while the group stands still', async () => {
    const step = await stepWith([1_000]);
    const lag = await open();
    const before = await lag.read(step);
    expect((await lag.read(step)).seconds).toBeGreaterThan(before.seconds);
  });

  test('cannot be told of a topic that is not there, which is said by its name', async () => {
    const step = uniqueTopic('lag') as StepId;
    await expect((await open()).read(step)).rejects.toMatchObject({ code: 'topic_missing' });
  });
});

describeSecuredKafka('with no more than the right to describe', () => {
  const { username, password } = kafkaUsers.worker;
  const secured = () => ({
    WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
    WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
    WE_KAFKA_SASL_USERNAME: username,
    WE_KAFKA_SASL_PASSWORD: password,
    WE_KAFKA_TLS_CA_PATH: kafkaCaPath(),
  });

  test('the lag is read; without it on the group, the refusal names the group', async () => {
    const step = await stepWith([HOUR]);
    await grant({ user: username, resource: 'topic', name: jobTopic(step), operations: ['DESCRIBE'] });
    const lag = await open(secured());
    await expect(lag.read(step)).rejects.toMatchObject({
      code: 'broker_not_authorized',
      message: expect.stringContaining(workerGroup(step)),
    });
    await grant({ user: username, resource: 'group', name: workerGroup(step), operations: ['DESCRIBE'] });
    expect((await lag.read(step)).seconds).toBeGreaterThanOrEqual(3_600);
  });
});
