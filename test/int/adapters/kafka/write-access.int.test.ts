import { expect, test } from 'vitest';
import { readKafkaConfig } from '../../../../adapters/kafka/config.ts';
import { checkWriteAccess } from '../../../../adapters/kafka/write-access.ts';
import { kafkaUsers } from '../../../../cli/dev/backends/kafka-properties.ts';
import type { Topic } from '../../../../events/ids.ts';
import {
  createTopics,
  describeSecuredKafka,
  grant,
  kafkaCaPath,
  readTopic,
  securedBrokers,
  uniqueTopic,
} from '../../../helpers/kafka.ts';

function configOf({ username, password }: { readonly username: string; readonly password: string }) {
  return readKafkaConfig({
    WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
    WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
    WE_KAFKA_SASL_USERNAME: username,
    WE_KAFKA_SASL_PASSWORD: password,
    WE_KAFKA_TLS_CA_PATH: kafkaCaPath(),
  });
}

async function topicWith(operations: readonly ('WRITE' | 'DESCRIBE')[]): Promise<Topic> {
  const topic = uniqueTopic() as Topic;
  await createTopics([topic]);
  const user = kafkaUsers.worker.username;
  if (operations.length > 0) await grant({ user, resource: 'topic', name: topic, operations });
  return topic;
}

describeSecuredKafka('the check for the permission to write', () => {
  test('passes for topics that may be written, and writes nothing', async () => {
    const topics = [await topicWith(['WRITE', 'DESCRIBE']), await topicWith(['WRITE', 'DESCRIBE'])];

    await checkWriteAccess(configOf(kafkaUsers.worker), topics);

    for (const topic of topics) expect(await readTopic(topic)).toEqual([]);
  });

  test('names the one topic among several that may be seen and not written', async () => {
    const [open, closed] = [await topicWith(['WRITE', 'DESCRIBE']), await topicWith(['DESCRIBE'])];

    await expect(checkWriteAccess(configOf(kafkaUsers.worker), [open, closed])).rejects.toMatchObject({
      code: 'broker_not_authorized',
      message: expect.stringContaining(closed),
    });
    expect(await readTopic(closed)).toEqual([]);
  });

  test('refuses a principal that may do nothing', async () => {
    const topic = await topicWith([]);

    await expect(checkWriteAccess(configOf(kafkaUsers.nobody), [topic])).rejects.toMatchObject({
      code: 'broker_not_authorized',
      message: expect.stringContaining(kafkaUsers.nobody.username),
    });
  });

  test('names a topic that does not exist', async () => {
    const missing = uniqueTopic() as Topic;

    await expect(checkWriteAccess(configOf(kafkaUsers.admin), [missing])).rejects.toMatchObject({
      code: 'topic_missing',
      message: expect.stringContaining(missing),
    });
  });
});
