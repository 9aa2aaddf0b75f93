import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KafkaClient, readKafkaConfig } from '../../../adapters/kafka/config.ts';
import { connectPublisher } from '../../../adapters/kafka/publisher.ts';
import { type KafkaServer, startKafka } from '../../../cli/dev/backends/kafka.ts';
import { kafkaUsers } from '../../../cli/dev/backends/kafka-properties.ts';
import { freePorts } from '../../../cli/dev/backends/ports.ts';
import type { Publisher } from '../../../engine/ports/event-streamer.ts';
import { type KafkaProxy, startKafkaProxy } from '../../helpers/kafka-proxy.ts';

/** How often a broker asks for the login again. */
export const REAUTHENTICATION_MS = 2_000;

/** A broker behind a proxy, and a cluster of three with a secured listener. */
export interface Setting extends AsyncDisposable {
  readonly proxy: KafkaProxy;
  /** The address of the proxy. */
  readonly proxied: readonly string[];
  readonly cluster: KafkaServer;
}

export async function startSetting(): Promise<Setting> {
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-kit-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const [port = 0, front = 0] = await freePorts(2);
  const proxy = undo.use(await startKafkaProxy(front, () => port));
  const [single, cluster] = await Promise.all([
    startKafka({
      dir: join(directory, 'single'),
      port,
      // What the broker tells clients to connect to, so that all their traffic goes through the proxy.
      settings: {
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${front}`,
        'producer.id.expiration.check.interval.ms': '200',
      },
    }),
    startKafka({
      dir: join(directory, 'cluster'),
      brokers: 3,
      secured: true,
      settings: { 'connections.max.reauth.ms': String(REAUTHENTICATION_MS) },
    }),
  ]);
  undo.defer(() => single.stop());
  undo.defer(() => cluster.stop());
  const all = undo.move();
  return {
    proxy,
    proxied: [`127.0.0.1:${front}`],
    cluster,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** The publishers of one client, wherever they connect to. */
export interface ClientUnderTest {
  readonly name: KafkaClient;
  readonly plain: (brokers: readonly string[]) => Promise<Publisher>;
  readonly secured: (cluster: KafkaServer) => Promise<Publisher>;
}

export function clientUnderTest(name: KafkaClient): ClientUnderTest {
  return {
    name,
    plain: (brokers) =>
      connectPublisher(
        readKafkaConfig({
          WE_KAFKA_TRANSPORT: 'plaintext',
          WE_KAFKA_SEED_BROKERS: brokers.join(','),
          WE_KAFKA_CLIENT: name,
        }),
        'kit',
      ),
    secured: ({ securedBrokers = [], ca }) =>
      connectPublisher(
        readKafkaConfig({
          WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
          WE_KAFKA_SEED_BROKERS: securedBrokers.join(','),
          WE_KAFKA_SASL_USERNAME: kafkaUsers.admin.username,
          WE_KAFKA_SASL_PASSWORD: kafkaUsers.admin.password,
          WE_KAFKA_TLS_CA_PATH: ca,
          WE_KAFKA_CLIENT: name,
        }),
        'kit',
      ),
  };
}
