import { expect, test } from 'vitest';
import { readKafkaConfig } from '../../../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../../../adapters/kafka/event-streamer.ts';
import { applyTopics, checkTopics, planTopics } from '../../../../adapters/kafka/topics.ts';
import type { Topic } from '../../../../events/ids.ts';
import { createTopics, describeKafka, kafkaBrokers, readTopic, uniqueTopic } from '../../../helpers/kafka.ts';

const config = () =>
  readKafkaConfig({ WE_KAFKA_TRANSPORT: 'plaintext', WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') });

function record(topic: Topic, key: string, value: string | Buffer) {
  return {
    topic,
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: [{ name: 'h', value: Buffer.from(key) }],
  };
}

describeKafka('publishing to Kafka', () => {
  test('keeps the order of each key over several requests, with keys, values and headers as given', async () => {
    const topic = uniqueTopic() as Topic;
    await createTopics([{ topic, partitions: 3 }]);
    const publisher = await createKafkaStreamer(config()).publisher();

    for (let call = 0; call < 3; call += 1) {
      await publisher.publish(
        Array.from({ length: 500 }, (_, i) => record(topic, `key-${i % 7}`, `${call * 500 + i}`)),
      );
    }
    await publisher.close();

    const read = await readTopic(topic);
    expect(read.length).toBe(1500);
    for (let key = 0; key < 7; key += 1) {
      const values = read
        .filter((r) => r.key?.toString() === `key-${key}`)
        .map((r) => Number(r.value?.toString()));
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
  });

  test('reports the records refused for their size and stores their neighbours', async () => {
    const topic = uniqueTopic() as Topic;
    await createTopics([{ topic, partitions: 2 }]);
    const publisher = await createKafkaStreamer(config()).publisher();
    const huge = Buffer.alloc(2_000_000, 'x');

    const receipt = await publisher.publish([
      record(topic, 'a', '1'),
      record(topic, 'a', huge),
      record(topic, 'a', '2'),
      record(topic, 'b', '3'),
    ]);
    await publisher.close();

    expect(receipt.refused.map(({ index }) => index)).toEqual([1]);
    expect(receipt.refused[0]?.reason).toContain('max.message.bytes');
    expect((await readTopic(topic)).map((r) => r.value?.toString()).sort()).toEqual(['1', '2', '3']);
  });

  test('finds the refused records in a topic whose limit is smaller than the usual one', async () => {
    const topic = uniqueTopic() as Topic;
    await createTopics([{ topic, partitions: 1, config: { 'max.message.bytes': '2000' } }]);
    const publisher = await createKafkaStreamer(config()).publisher();
    const values = ['1', 'x'.repeat(5_000), '2', 'y'.repeat(5_000), '3'];

    const receipt = await publisher.publish(values.map((value) => record(topic, 'k', value)));
    await publisher.close();

    expect(receipt.refused.map(({ index }) => index)).toEqual([1, 3]);
    const stored = (await readTopic(topic)).map((r) => r.value?.toString());
    expect([...new Set(stored)]).toEqual(['1', '2', '3']);
  });

  test('an unknown topic is an error, creates nothing, and ends the publisher', async () => {
    const topic = uniqueTopic() as Topic;
    const publisher = await createKafkaStreamer(config()).publisher();

    await expect(publisher.publish([record(topic, 'a', '1')])).rejects.toMatchObject({
      code: 'topic_missing',
    });
    await expect(publisher.publish([])).rejects.toMatchObject({ code: 'publish_failed' });
    await publisher.close();

    await expect(checkTopics(config(), [topic])).rejects.toMatchObject({
      code: 'topic_missing',
      message: expect.stringContaining(topic),
    });
  });

  test('plans, creates and leaves topics as they are', async () => {
    const topic = uniqueTopic() as Topic;
    const wanted = [{ topic, partitions: 2, replicationFactor: 1 }];

    expect(await planTopics(config(), wanted)).toEqual([{ topic, action: 'create', partitions: 2 }]);
    await applyTopics(config(), wanted);
    await checkTopics(config(), [topic]);
    expect(await applyTopics(config(), [{ topic, partitions: 4, replicationFactor: 1 }])).toEqual([
      { topic, action: 'grow', partitions: 2 },
    ]);
  });
});
