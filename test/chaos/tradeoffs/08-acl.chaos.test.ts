import { expect, test } from 'vitest';
import { kafkaUsers } from '../../../cli/dev/backends/kafka-properties.ts';
import { describeSecuredKafka, grant, kafkaCaPath, securedBrokers } from '../../helpers/kafka.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 1 });
const { username, password } = kafkaUsers.worker;

const secured = () => ({
  WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
  WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
  WE_KAFKA_SASL_USERNAME: username,
  WE_KAFKA_SASL_PASSWORD: password,
  WE_KAFKA_TLS_CA_PATH: kafkaCaPath(),
});

describeSecuredKafka('a principal without the right to write', () => {
  test('ends the relay at its start with the right to grant; jobs are accepted and wait, and complete once it is granted', {
    timeout: 120_000,
  }, async () => {
    await grant({ user: username, resource: 'topic', name: rig.topic, operations: ['DESCRIBE'] });
    await rig.enqueue(20);
    await expect(rig.relay(secured())).rejects.toMatchObject({
      code: 'broker_not_authorized',
      message: expect.stringMatching(new RegExp(`${username}.*Write`)),
    });
    expect(await rig.backlog()).toBe(20);

    await grant({ user: username, resource: 'topic', name: rig.topic, operations: ['WRITE', 'DESCRIBE'] });
    await rig.relay(secured());
    await rig.kafkaWorker();
    await rig.drained();
    expect(rig.ranTwice()).toEqual([]);
  });
});
