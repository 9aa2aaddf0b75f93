import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Admin } from 'kafkajs';
import { type KafkaClient, type KafkaConfig, readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import type { ServerIdentity } from '../../cli/dev/backends/certificate.ts';
import { type KafkaServer, startKafka } from '../../cli/dev/backends/kafka.ts';
import { kafkaUsers } from '../../cli/dev/backends/kafka-properties.ts';
import { waitFor } from '../helpers/wait-for.ts';
import type { RelayFixture, RunningRelay } from '../int/relay-cdc/fixture.ts';
import { patiently, plainClient } from './topic-history.ts';

export const REAUTHENTICATE_MS = 5_000;

/** Brokers that a test may kill, with a second listener that asks for a login. */
export class KafkaCluster implements AsyncDisposable {
  #server: KafkaServer;
  readonly #count: 1 | 3;
  readonly #dir: string;
  readonly #dead = new Set<number>();

  private constructor(server: KafkaServer, count: 1 | 3, dir: string) {
    this.#server = server;
    this.#count = count;
    this.#dir = dir;
  }

  static async start(brokers: 1 | 3 = 3): Promise<KafkaCluster> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-cluster-'));
    return new KafkaCluster(await startIn(dir, brokers), brokers, dir);
  }

  get server(): KafkaServer {
    return this.#server;
  }

  get brokers(): readonly string[] {
    return this.server.brokers;
  }

  config(client: KafkaClient): KafkaConfig {
    return readKafkaConfig({
      WE_KAFKA_TRANSPORT: 'plaintext',
      WE_KAFKA_CLIENT: client,
      WE_KAFKA_SEED_BROKERS: this.brokers.join(','),
    });
  }

  /** As the user who may do only what it is granted. */
  securedConfig(client: KafkaClient, password: string = kafkaUsers.worker.password): KafkaConfig {
    return readKafkaConfig({
      WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
      WE_KAFKA_CLIENT: client,
      WE_KAFKA_SEED_BROKERS: (this.server.securedBrokers ?? []).join(','),
      WE_KAFKA_SASL_USERNAME: kafkaUsers.worker.username,
      WE_KAFKA_SASL_PASSWORD: password,
      WE_KAFKA_TLS_CA_PATH: this.server.ca,
    });
  }

  /** The brokers have this certificate from now on, and clients that look are told of its authority. */
  async present({ keyStorePem, caPem }: ServerIdentity): Promise<void> {
    const { ca = '' } = this.server;
    await writeFile(join(dirname(ca), 'broker.pem'), keyStorePem + caPem);
    await writeFile(ca, caPem);
    for (const broker of this.brokers.keys()) {
      // A broker alone waits in vain for another to take over what it leads.
      await this.server.killBroker(broker);
      await this.server.restartBroker(broker);
    }
  }

  async withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = plainClient(this.brokers).admin();
    await admin.connect();
    return work(admin).finally(() => admin.disconnect());
  }

  async kill(broker: number): Promise<void> {
    this.#dead.add(broker);
    await this.server.killBroker(broker);
  }

  /** All brokers go away and come back, with all that they had, under other addresses. */
  async move(): Promise<void> {
    const before = this.brokers;
    await Promise.all(before.map((_, broker) => this.kill(broker)));
    await this.#server.stop();
    this.#dead.clear();
    this.#server = await startIn(this.#dir, this.#count);
    if (this.brokers.some((address) => before.includes(address))) throw new Error('a broker has not moved');
  }

  /** Starts again what is dead, so that the next test finds the cluster whole. */
  async heal(): Promise<void> {
    for (const broker of this.#dead) await this.server.restartBroker(broker);
    this.#dead.clear();
  }

  /** All brokers stand still with their connections open. */
  async pause(): Promise<void> {
    await Promise.all(this.brokers.map((_, broker) => this.server.pauseBroker(broker)));
  }

  async resume(): Promise<void> {
    await Promise.all(this.brokers.map((_, broker) => this.server.resumeBroker(broker)));
  }

  /** The place of the broker that leads the topic's first partition. */
  async leaderOf(topic: string): Promise<number> {
    const { topics } = await patiently(() =>
      this.withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] })),
    );
    const first = topics[0]?.partitions.find(({ partitionId }) => partitionId === 0);
    return (first?.leader ?? 1) - 1;
  }

  /** Takes the topic's first partition from its leader, which stays up and goes on leading others. */
  async moveLeader(topic: string): Promise<void> {
    const from = await this.leaderOf(topic);
    const replicas = this.brokers.map((_, broker) => broker + 1).filter((id) => id !== from + 1);
    const partitionAssignment = [{ partition: 0, replicas }];
    await this.withAdmin((admin) =>
      admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] }),
    );
    await waitFor(async () => (await this.leaderOf(topic)) !== from, {
      within: 30_000,
      what: 'another leader',
    });
  }

  /** Whether a replica of any partition is out of sync. */
  async hasFewReplicas(topic: string): Promise<boolean> {
    const { topics } = await this.withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    return topics[0]?.partitions.some(({ isr, replicas }) => isr.length < replicas.length) ?? false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

function startIn(dir: string, brokers: 1 | 3): Promise<KafkaServer> {
  return startKafka({
    dir: join(dir, 'kafka'),
    brokers,
    secured: true,
    heap: '384m',
    settings: {
      'listener.name.sasl_ssl.scram-sha-512.connections.max.reauth.ms': String(REAUTHENTICATE_MS),
    },
  });
}

/** A relay of the fixture that publishes to Kafka. */
export function leadOn(
  fixture: RelayFixture,
  config: KafkaConfig,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningRelay> {
  return fixture.lead({ streamer: createKafkaStreamer(config), env });
}
