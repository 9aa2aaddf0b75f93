import { afterAll, beforeAll, expect, test } from 'vitest';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { chaosTopic } from './cli-relay.ts';
import { checkHistory } from './history.ts';
import { KafkaCluster, leadOn } from './kafka-cluster.ts';
import { countTopic, createTopic, readTopicFromStart } from './topic-history.ts';
import { Workload } from './workload.ts';

failOnLeftoverProcesses();

const DUPLICATES = 6_000;

describeKafka('a relay whose brokers all move at once', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await KafkaCluster.start(1);
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test.for(['direct', 'kafkajs'] as const)(
    'finds them by the name it was given, with the client %s',
    { timeout: 120_000 },
    async (client, { skip }) => {
      if (cluster.server.source !== 'local') skip('a container keeps the address it was made with');
      await using fixture = await RelayFixture.create();
      const topic = chaosTopic();
      await createTopic(cluster.brokers, topic);
      // As a name that a zone file points elsewhere. The brokers themselves tell their own addresses.
      await using name = await startTcpProxy(0, () => Number(cluster.brokers[0]?.split(':')[1]));
      const config = readKafkaConfig({
        WE_KAFKA_TRANSPORT: 'plaintext',
        WE_KAFKA_CLIENT: client,
        WE_KAFKA_SEED_BROKERS: `127.0.0.1:${name.port}`,
      });
      await leadOn(fixture, config, { WE_RELAY_PUBLISH_TIMEOUT: '8s' });
      await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
      work.start();
      const more = async (): Promise<void> => {
        const before = await countTopic(cluster.brokers, topic);
        await waitFor(async () => (await countTopic(cluster.brokers, topic)) > before + 300, {
          within: 60_000,
        });
      };
      await more();
      await cluster.move();
      await more();
      await work.stop();
      await waitFor(async () => (await fixture.outboxRows()) === 0, {
        within: 60_000,
        what: 'an empty outbox',
      });
      const records = await readTopicFromStart(cluster.brokers, topic);
      const verdict = checkHistory(work.written, records, {
        duplicates: DUPLICATES,
        left: await fixture.outboxRows(),
      });
      expect(verdict.messages).toBeGreaterThan(600);
    },
  );
});
