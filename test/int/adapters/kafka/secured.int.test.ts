import { expect, test } from 'vitest';
import { readKafkaConfig } from '../../../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../../../adapters/kafka/event-streamer.ts';
import { type ProbeStage, probeKafka } from '../../../../adapters/kafka/probe.ts';
import { checkTopics } from '../../../../adapters/kafka/topics.ts';
import { kafkaUsers } from '../../../../cli/dev/backends/kafka-properties.ts';
import type { Topic } from '../../../../events/ids.ts';
import {
  createTopics,
  describeSecuredKafka,
  grant,
  kafkaBrokers,
  kafkaCaPath,
  readTopic,
  securedBrokers,
  uniqueTopic,
} from '../../../helpers/kafka.ts';

function secured(overrides: Record<string, string | undefined> = {}) {
  const { username, password } = kafkaUsers.worker;
  return readKafkaConfig({
    WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
    WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
    WE_KAFKA_SASL_USERNAME: username,
    WE_KAFKA_SASL_PASSWORD: password,
    WE_KAFKA_TLS_CA_PATH: kafkaCaPath(),
    ...overrides,
  });
}

const ignore = () => undefined;

describeSecuredKafka('Kafka with SCRAM over TLS and ACLs', () => {
  test('reports TLS, login and producer as they succeed, and publishes', async () => {
    const topic = uniqueTopic() as Topic;
    await createTopics([topic]);
    await grant({
      user: kafkaUsers.worker.username,
      resource: 'topic',
      name: topic,
      operations: ['WRITE', 'DESCRIBE'],
    });
    const stages: ProbeStage[] = [];

    await probeKafka(secured(), (stage) => stages.push(stage));
    await checkTopics(secured(), [topic]);
    const publisher = await createKafkaStreamer(secured()).publisher();
    await publisher.publish([{ topic, key: Buffer.from('k'), value: Buffer.from('v'), headers: [] }]);
    await publisher.close();

    expect(stages).toEqual(['tls', 'sasl', 'producer']);
    expect((await readTopic(topic)).length).toBe(1);
  });

  test('a wrong password is named as such, with the user and without the password', async () => {
    const failure = await probeKafka(secured({ WE_KAFKA_SASL_PASSWORD: 'wrong-secret' }), ignore).catch(
      (e: unknown) => e,
    );

    expect(failure).toMatchObject({
      code: 'broker_auth_failed',
      message: expect.stringContaining(`"${kafkaUsers.worker.username}"`),
    });
    expect(String(failure)).not.toContain('wrong-secret');
  });

  test('a missing authority is named, with the variable to set', async () => {
    await expect(probeKafka(secured({ WE_KAFKA_TLS_CA_PATH: undefined }), ignore)).rejects.toMatchObject({
      code: 'broker_tls_failed',
      message: expect.stringContaining('Set WE_KAFKA_TLS_CA_PATH'),
    });
  });

  test('a principal without permission is told what it may not do', async () => {
    const { username, password } = kafkaUsers.nobody;
    const config = secured({ WE_KAFKA_SASL_USERNAME: username, WE_KAFKA_SASL_PASSWORD: password });

    await expect(probeKafka(config, ignore)).rejects.toMatchObject({
      code: 'broker_not_authorized',
      message: expect.stringContaining(`"${username}"`),
    });
  });

  test('a topic the principal may not see is a matter of permission, not of its absence', async () => {
    const hidden = uniqueTopic() as Topic;
    await createTopics([hidden]);

    await expect(checkTopics(secured(), [hidden])).rejects.toMatchObject({ code: 'broker_not_authorized' });
  });

  test('plaintext at a TLS port is told apart from a broker that is away', async () => {
    const config = readKafkaConfig({
      WE_KAFKA_TRANSPORT: 'plaintext',
      WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
    });

    await expect(probeKafka(config, ignore)).rejects.toMatchObject({
      code: 'broker_tls_failed',
      message: expect.stringContaining('speaks TLS'),
    });
  });

  test('TLS at a plaintext port is named as that', async () => {
    await expect(
      probeKafka(secured({ WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') }), ignore),
    ).rejects.toMatchObject({
      code: 'broker_tls_failed',
      message: expect.stringContaining('does not speak TLS'),
    });
  });

  test('a broker that is away is named with its address', async () => {
    await expect(probeKafka(secured({ WE_KAFKA_SEED_BROKERS: '127.0.0.1:1' }), ignore)).rejects.toMatchObject(
      {
        code: 'broker_unreachable',
        message: expect.stringContaining('127.0.0.1:1'),
      },
    );
  });
});
