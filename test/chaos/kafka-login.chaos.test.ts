import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { alterUserScramCredentialsV0, Connection } from '@platformatic/kafka';
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createServerIdentity } from '../../cli/dev/backends/certificate.ts';
import { kafkaUsers } from '../../cli/dev/backends/kafka-properties.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { isStreaming, RelayFixture } from '../int/relay-cdc/fixture.ts';
import { chaosTopic } from './cli-relay.ts';
import { checkHistory } from './history.ts';
import { KafkaCluster, leadOn, REAUTHENTICATE_MS } from './kafka-cluster.ts';
import { createTopic, readTopicFromStart } from './topic-history.ts';
import { Workload } from './workload.ts';

failOnLeftoverProcesses();

const DUPLICATES = 6_000;
const SCRAM_SHA_512 = 2;
const ITERATIONS = 8_192;
/** Longer than a certificate of a development server is good for. */
const A_LIFE_MS = 11 * 365 * 86_400_000;

async function drained(fixture: RelayFixture): Promise<void> {
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 60_000, what: 'an empty outbox' });
}

function mayWrite(topic: string): AclEntry[] {
  return [AclOperationTypes.WRITE, AclOperationTypes.DESCRIBE].map((operation) => ({
    resourceType: AclResourceTypes.TOPIC,
    resourceName: topic,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${kafkaUsers.worker.username}`,
    host: '*',
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  }));
}

async function changePassword(cluster: KafkaCluster, password: string): Promise<void> {
  const [host = '', port = ''] = (cluster.brokers[0] ?? '').split(':');
  const connection = new Connection('operator');
  await connection.connect(host, Number(port));
  const salt = randomBytes(32);
  const saltedPassword = pbkdf2Sync(password, salt, ITERATIONS, 64, 'sha512');
  const name = kafkaUsers.worker.username;
  const change = { name, mechanism: SCRAM_SHA_512, iterations: ITERATIONS, salt, saltedPassword };
  await alterUserScramCredentialsV0.api.async(connection, [], [change]);
  await connection.close();
}

describeKafka('a relay that must log in', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await KafkaCluster.start(1);
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** A topic that the relay's user may write to. */
  async function ownTopic() {
    const topic = chaosTopic();
    await createTopic(cluster.brokers, topic);
    await cluster.withAdmin((admin) => admin.createAcls({ acl: mayWrite(topic) }));
    return topic;
  }

  async function check(fixture: RelayFixture, work: Workload, topic: string, duplicates: number) {
    const records = await readTopicFromStart(cluster.brokers, topic);
    checkHistory(work.written, records, { duplicates, left: await fixture.outboxRows() });
    return Math.max(...records.map(({ epoch }) => epoch));
  }

  describe.each(['direct', 'kafkajs'] as const)('with the client %s', (client) => {
    test('logs in anew under load as often as the broker asks, and nobody notices', {
      timeout: 90_000,
    }, async () => {
      await using fixture = await RelayFixture.create();
      const topic = await ownTopic();
      const relay = await leadOn(fixture, cluster.securedConfig(client));
      await using work = new Workload({ dsn: () => fixture.db.dsn, topic, connections: 1 });
      const until = performance.now() + 2.5 * REAUTHENTICATE_MS;
      // Quiet in between: an idle connection must log in anew as well.
      while (performance.now() < until) {
        await work.burst(20);
        await drained(fixture);
      }
      expect(isStreaming(relay)).toBe(true);
      expect(await check(fixture, work, topic, 0)).toBe(1);
    });

    test('holds its place while it may not write, and goes on once it may', { timeout: 90_000 }, async () => {
      await using fixture = await RelayFixture.create();
      const topic = await ownTopic();
      const relay = await leadOn(fixture, cluster.securedConfig(client));
      await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
      await work.burst(20);
      await drained(fixture);
      await cluster.withAdmin((admin) => admin.deleteAcls({ filters: mayWrite(topic) }));
      await work.burst(20);
      await waitFor(() => !isStreaming(relay), { within: 60_000, what: 'the relay to be refused' });
      expect(await fixture.outboxRows()).toBeGreaterThan(0);
      await cluster.withAdmin((admin) => admin.createAcls({ acl: mayWrite(topic) }));
      await work.burst(20);
      await drained(fixture);
      await check(fixture, work, topic, DUPLICATES);
    });
  });

  test('says that a certificate has expired, and goes on by itself with one of another authority', {
    timeout: 120_000,
  }, async ({ skip }) => {
    if (cluster.server.source !== 'local') skip('a container keeps the certificate it was made with');
    await using fixture = await RelayFixture.create();
    const topic = await ownTopic();
    const relay = await leadOn(fixture, cluster.securedConfig('direct'));
    await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
    await work.burst(20);
    await drained(fixture);
    await cluster.present(createServerIdentity(new Date(Date.now() - A_LIFE_MS)));
    await work.burst(20);
    await waitFor(() => /certificate has expired/.test(relay.status.get().reason), {
      within: 60_000,
      what: 'the relay to say so',
    });
    expect(await fixture.outboxRows()).toBeGreaterThan(0);
    await cluster.present(createServerIdentity(new Date()));
    await work.burst(20);
    await drained(fixture);
    expect(isStreaming(relay)).toBe(true);
    await check(fixture, work, topic, DUPLICATES);
  });

  test('is replaced, when its password is changed, by one that knows the new one', {
    timeout: 120_000,
  }, async () => {
    await using fixture = await RelayFixture.create();
    const topic = await ownTopic();
    // It tries for as long as one answer may take, and then lets another one lead.
    const patience = { WE_RELAY_PUBLISH_TIMEOUT: '8s' };
    const old = await leadOn(fixture, cluster.securedConfig('direct'), patience);
    await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
    await work.burst(20);
    await drained(fixture);
    await changePassword(cluster, 'rotated-secret');
    try {
      await waitFor(
        async () => {
          await work.burst(1);
          return !isStreaming(old);
        },
        { within: 60_000, what: 'the old password to be refused' },
      );
      await leadOn(fixture, cluster.securedConfig('direct', 'rotated-secret'));
      await work.burst(20);
      await drained(fixture);
      await check(fixture, work, topic, DUPLICATES);
    } finally {
      await changePassword(cluster, kafkaUsers.worker.password);
    }
  });
});
