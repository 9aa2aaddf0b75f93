import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kafkaClients, readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { type KafkaServer, startKafka } from '../../cli/dev/backends/kafka.ts';
import { freePorts } from '../../cli/dev/backends/ports.ts';
import { isMillraceError } from '../../engine/errors.ts';
import type { Topic } from '../../events/ids.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { startTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';

const CALLS = 120;
const PER_CALL = 20;

/**
 * The broker stores a batch, and its answer is lost: the client must send the batch again, and the broker must know it. Done
 * wrong, this is where producers lose or double records without a word.
 */
describeKafka('a publisher whose answers are lost', () => {
  let directory: string;
  let proxy: TcpProxy;
  let kafka: KafkaServer;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-lost-'));
    const [port = 0, front = 0] = await freePorts(2);
    proxy = await startTcpProxy(front, () => port);
    kafka = await startKafka({
      dir: join(directory, 'kafka'),
      port,
      // What the broker tells clients to connect to, so that all their traffic goes through the proxy.
      settings: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${front}` },
    });
  });

  afterAll(async () => {
    await kafka.stop();
    await proxy[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  test('stores every record once and in order', async () => {
    const topic = 'lost.answers' as Topic;
    await createTopic(`127.0.0.1:${proxy.port}`, topic);
    const streamer = createKafkaStreamer(
      readKafkaConfig({ WE_KAFKA_TRANSPORT: 'plaintext', WE_KAFKA_SEED_BROKERS: `127.0.0.1:${proxy.port}` }),
    );
    const publisher = await streamer.publisher();
    let lost = 0;
    let answers = 0;
    // Every seventh answer, starting once the publisher is connected: a fixed pattern, so that a failure can be repeated.
    proxy.onAnswer(() => {
      answers += 1;
      if (answers % 7 !== 0) return 'pass';
      lost += 1;
      return 'lose';
    });

    for (let call = 0; call < CALLS; call += 1) {
      const records = Array.from({ length: PER_CALL }, (_, index) => ({
        topic,
        key: Buffer.from(`key-${index % 5}`),
        value: Buffer.from(String(call * PER_CALL + index)),
        headers: [],
      }));
      await publisher.publish(records);
    }
    proxy.onAnswer(() => 'pass');
    await publisher.close();

    const stored = await readAll(`127.0.0.1:${proxy.port}`, topic);
    expect(lost).toBeGreaterThan(10);
    expect(stored.map(({ value }) => value).sort((a, b) => a - b)).toEqual(
      Array.from({ length: CALLS * PER_CALL }, (_, index) => index),
    );
    for (const key of new Set(stored.map((one) => one.key))) {
      const values = stored.filter((one) => one.key === key).map(({ value }) => value);
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
  });

  test.each(kafkaClients)(
    'gives up at once when it is closed, and connects no more: %s',
    {
      timeout: 60_000,
    },
    async (kafkaClient) => {
      const topic = `lost.for-good.${kafkaClient}` as Topic;
      await createTopic(`127.0.0.1:${proxy.port}`, topic);
      const streamer = createKafkaStreamer(
        readKafkaConfig({
          WE_KAFKA_TRANSPORT: 'plaintext',
          WE_KAFKA_CLIENT: kafkaClient,
          WE_KAFKA_SEED_BROKERS: `127.0.0.1:${proxy.port}`,
        }),
      );
      const publisher = await streamer.publisher();
      const record = { topic, key: Buffer.from('key'), value: Buffer.from('1'), headers: [] };
      await publisher.publish([record]);
      let lost = 0;
      proxy.onAnswer(() => {
        lost += 1;
        return 'lose';
      });
      const call = publisher.publish([record]).then(
        () => 'stored',
        (error: unknown) => (isMillraceError(error) ? error.code : String(error)),
      );
      await waitFor(() => lost >= 3, { within: 30_000, what: 'a few tries' });
      await publisher.close();
      expect(await call).toMatch(/^(publish_failed|broker_unreachable)$/);
      const before = lost;
      // As long as the longest pause between two tries.
      await delay(2_500);
      expect(lost).toBe(before);
      proxy.onAnswer(() => 'pass');
    },
  );
});

function client(broker: string): Kafka {
  return new Kafka({ clientId: 'reader', brokers: [broker], logLevel: logLevel.NOTHING });
}

async function createTopic(broker: string, topic: string): Promise<void> {
  const admin = client(broker).admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: 2, replicationFactor: 1 }],
  });
  await admin.disconnect();
}

/** Everything on the topic up to its present end, partition by partition. */
async function readAll(broker: string, topic: string): Promise<{ key: string; value: number }[]> {
  const kafka = client(broker);
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const wanted = ends.reduce((sum, { high }) => sum + Number(high), 0);
  const found: { key: string; value: number }[] = [];
  const consumer = kafka.consumer({ groupId: 'reader' });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message }) => {
          found.push({ key: String(message.key), value: Number(String(message.value)) });
          if (found.length === wanted) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return found;
}
