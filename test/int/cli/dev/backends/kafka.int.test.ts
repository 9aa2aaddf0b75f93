import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseKafka } from '../../../../../cli/dev/backends/choose.ts';
import { type KafkaServer, startKafka } from '../../../../../cli/dev/backends/kafka.ts';
import { kafkaUsers } from '../../../../../cli/dev/backends/kafka-properties.ts';
import { isAlive } from '../../../../../cli/dev/backends/processes.ts';
import {
  createTopics,
  describeKafka,
  describeSecuredKafka,
  grant,
  kafkaBrokers,
  kafkaClient,
  readTopic,
  securedClient,
  uniqueTopic,
} from '../../../../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../../../../helpers/leaks.ts';
import { orphan } from './kill-parent.ts';

failOnLeftoverProcesses();

/** Long enough for a dead broker's partitions to be given to another, whose session must first run out. */
const patience = { retries: 20, maxRetryTime: 1_000 };

async function send(kafka: Kafka, topic: string, value: string): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: true });
  try {
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ value }] });
  } finally {
    await producer.disconnect();
  }
}

describeKafka('the plaintext listener', () => {
  test('stores what is produced, in order', async () => {
    const topic = uniqueTopic();
    await createTopics([topic]);
    await send(kafkaClient(), topic, 'first');
    await send(kafkaClient(), topic, 'second');
    expect((await readTopic(topic)).map(({ value }) => value?.toString())).toEqual(['first', 'second']);
  });

  test('never creates a topic by itself', async () => {
    const kafka = new Kafka({
      brokers: kafkaBrokers(),
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
    });
    await expect(send(kafka, uniqueTopic('absent'), 'x')).rejects.toThrow(
      /does not host this topic-partition/,
    );
  });
});

describeSecuredKafka('the secured listener', () => {
  test('takes a record of a principal who was granted the topic', async () => {
    const topic = uniqueTopic('granted');
    await createTopics([topic]);
    const { username } = kafkaUsers.worker;
    await grant({ user: username, resource: 'topic', name: topic, operations: ['WRITE', 'DESCRIBE'] });
    await send(securedClient(kafkaUsers.worker), topic, 'granted');
    expect((await readTopic(topic)).map(({ value }) => value?.toString())).toEqual(['granted']);
  });

  test('refuses a wrong password', async () => {
    const impostor = { ...kafkaUsers.admin, password: 'wrong' };
    await expect(send(securedClient(impostor), 'any', 'x')).rejects.toThrow(/invalid credentials/);
  });

  test('refuses a principal without permission', async () => {
    const topic = uniqueTopic('denied');
    await createTopics([topic]);
    await expect(send(securedClient(kafkaUsers.nobody), topic, 'x')).rejects.toThrow(/[Nn]ot authorized/);
  });
});

describeKafka('a broker of our own', () => {
  let root: string;
  let dir: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-kafka-'));
    dir = join(root, 'one');
  });
  afterAll(() => rm(root, { recursive: true }));

  function clientOf(server: KafkaServer): Kafka {
    return new Kafka({ brokers: [...server.brokers], logLevel: logLevel.NOTHING, retry: patience });
  }

  async function topicsOf(server: KafkaServer): Promise<string[]> {
    const admin = clientOf(server).admin();
    await admin.connect();
    try {
      return await admin.listTopics();
    } finally {
      await admin.disconnect();
    }
  }

  test('left over by a killed parent is replaced; data is kept; a stop leaves no process', async () => {
    const choice = await ownChoice();
    const left = await orphan('kafka', dir);
    expect(await Promise.all(left.map(isAlive))).toEqual([true]);

    const second = await startKafka({ dir, choice });
    expect(await Promise.all(left.map(isAlive))).toEqual([false]);
    const admin = clientOf(second).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'kept' }] });
    await admin.disconnect();
    const { pids } = second;
    await second.stop();
    await second.stop();
    expect(await Promise.all(pids.map(isAlive))).toEqual([false]);

    const third = await startKafka({ dir, choice });
    expect(await topicsOf(third)).toEqual(['kept']);
    await third.stop();
  });

  test('in use by a living process is not taken away', async () => {
    const server = await startKafka({ dir, choice: await ownChoice() });
    try {
      await expect(startKafka({ dir, choice: await ownChoice() })).rejects.toThrow(/in use by this process/);
    } finally {
      await server.stop();
    }
  });

  test('of three survives the kill of one, which comes back on its port', async () => {
    const server = await startKafka({
      dir: join(root, 'three'),
      brokers: 3,
      heap: '256m',
      choice: await ownChoice(),
    });
    try {
      const admin = clientOf(server).admin();
      await admin.connect();
      await admin.createTopics({ topics: [{ topic: 'replicated', replicationFactor: 3 }] });
      await admin.disconnect();
      await server.killBroker(2);
      expect(server.pids).toHaveLength(2);
      await send(clientOf(server), 'replicated', 'with two');
      await server.restartBroker(2);
      expect(server.pids).toHaveLength(3);
    } finally {
      await server.stop();
    }
  });
});

/** Leaves out brokers named by the environment: this suite is about those we start. */
function ownChoice() {
  return chooseKafka({ ...process.env, WE_KAFKA_SEED_BROKERS: undefined });
}
