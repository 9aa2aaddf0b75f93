import { expect, test } from 'vitest';
import { readKafkaConfig } from '../../../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../../../adapters/kafka/event-streamer.ts';
import { createTailReader } from '../../../../adapters/kafka/log-tail.ts';
import type { TailRecord } from '../../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../../events/ids.ts';
import { createTopics, describeKafka, kafkaBrokers, uniqueTopic } from '../../../helpers/kafka.ts';

describeKafka('the tail of the log', () => {
  const config = () =>
    readKafkaConfig({
      WE_KAFKA_TRANSPORT: 'plaintext',
      WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
    });

  async function publish(topic: Topic, from: number, to: number): Promise<void> {
    const publisher = await createKafkaStreamer(config()).publisher();
    const records = Array.from({ length: to - from }, (_, index) => ({
      topic,
      key: Buffer.from(`key-${(from + index) % 7}`),
      value: Buffer.alloc(2_000),
      headers: [{ name: 'dedup-id', value: Buffer.from(`${from + index}`) }],
    }));
    await publisher.publish(records);
    await publisher.close();
  }

  async function read(topics: readonly Topic[], perPartition: number): Promise<TailRecord[]> {
    const seen: TailRecord[] = [];
    const options = { perPartition, signal: AbortSignal.timeout(20_000) };
    await createTailReader(config())(topics, options, (record) => seen.push(record));
    return seen;
  }

  const numbers = (records: readonly TailRecord[], topic: Topic): number[] =>
    records
      .filter((record) => record.topic === topic)
      .map(({ headers }) => Number(headers.find(({ name }) => name === 'dedup-id')?.value.toString()))
      .toSorted((a, b) => a - b);

  test('is read of every partition of every topic, over as many fetches as it takes', async () => {
    const [one, two, empty] = [uniqueTopic('tail'), uniqueTopic('tail'), uniqueTopic('tail')] as Topic[];
    if (!one || !two || !empty) throw new Error('three topics were made');
    await createTopics([one, two, empty].map((topic) => ({ topic, partitions: 3 })));
    for (let from = 0; from < 3_000; from += 500) await publish(one, from, from + 500);
    await publish(two, 0, 10);
    const seen = await read([one, two, empty], 100_000);
    expect(numbers(seen, one)).toEqual(Array.from({ length: 3_000 }, (_, index) => index));
    expect(numbers(seen, two)).toEqual(Array.from({ length: 10 }, (_, index) => index));
  });

  test('is no more than what was asked for, and the newest of it', async () => {
    const topic = uniqueTopic('tail') as Topic;
    await createTopics([topic]);
    for (let from = 0; from < 500; from += 100) await publish(topic, from, from + 100);
    expect(numbers(await read([topic], 150), topic)).toEqual(
      Array.from({ length: 150 }, (_, at) => 350 + at),
    );
  });

  test('is refused for a topic that is not there', async () => {
    await expect(read([uniqueTopic('missing') as Topic], 10)).rejects.toMatchObject({
      code: 'topic_missing',
    });
  });
});
