import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer } from 'testcontainers';
import { MillraceError } from '../../../engine/errors.ts';
import type { KafkaOptions, KafkaServer } from './kafka.ts';
import { ensureIdentity } from './kafka-identity.ts';
import { aliveBrokers } from './kafka-probe.ts';
import { type BrokerNode, brokerProperties, scramArguments } from './kafka-properties.ts';
import { freePorts } from './ports.ts';
import { within } from './processes.ts';

const IMAGE = 'apache/kafka:4.1.0';
const HOME = '/var/lib/millrace';
const READY_DEADLINE_MS = 90_000;

/**
 * Apache Kafka's own image, with the properties the local brokers have: the same listeners, users and limits, whichever way
 * Kafka came. (Testcontainers' Kafka module knows one user and no authorizer.)
 */
export async function startKafkaContainer(options: KafkaOptions): Promise<KafkaServer> {
  if (options.brokers === 3) {
    throw new MillraceError(
      'configuration',
      'Three brokers run on a local JDK only, not in Docker: install a JDK 17 or newer and Maven, and choose { kind: "local" }.',
    );
  }
  const dir = resolve(options.dir);
  await mkdir(join(dir, 'container'), { recursive: true });
  const [port = 0, controllerPort = 0, securedPort = 0] = await freePorts(3);
  const identity = options.secured === true ? await ensureIdentity(dir) : undefined;
  const node: BrokerNode = {
    id: 1,
    port: options.port ?? port,
    controllerPort,
    securedPort: identity === undefined ? undefined : securedPort,
  };
  options.onProgress?.('starting Kafka in Docker');
  const container = await describe(options, { dir, node, keyStorePath: identity?.keyStorePath }).start();
  await awaitContainer(container, node.port);
  const secured =
    identity === undefined ? {} : { securedBrokers: [`127.0.0.1:${securedPort}`], ca: identity.caPath };
  return { ...control(container, node.port), brokers: [`127.0.0.1:${node.port}`], ...secured };
}

function describe(
  options: KafkaOptions,
  broker: { dir: string; node: BrokerNode; keyStorePath: string | undefined },
): GenericContainer {
  const { node, keyStorePath } = broker;
  const properties = brokerProperties(
    {
      nodes: [node],
      bind: '0.0.0.0',
      dataDir: `${HOME}/data`,
      keyStorePath: keyStorePath === undefined ? undefined : '/etc/millrace/broker.pem',
      settings: options.settings ?? {},
    },
    node,
  );
  // The advertised address must be known before the start: the same port inside and outside.
  const ports = [node.port, ...(node.securedPort === undefined ? [] : [node.securedPort])];
  const container = new GenericContainer(IMAGE)
    .withUser('root')
    .withEnvironment({ KAFKA_HEAP_OPTS: `-Xmx${options.heap ?? '512m'}` })
    .withExposedPorts(...ports.map((port) => ({ container: port, host: port })))
    .withBindMounts([{ source: join(broker.dir, 'container'), target: HOME }])
    .withCopyContentToContainer([{ content: properties, target: '/etc/millrace/server.properties' }])
    .withEntrypoint(['sh', '-c', bootScript()]);
  return keyStorePath === undefined
    ? container
    : container.withCopyFilesToContainer([{ source: keyStorePath, target: '/etc/millrace/broker.pem' }]);
}

function bootScript(): string {
  const users = scramArguments().map((argument) => `'${argument}'`);
  const config = '/etc/millrace/server.properties';
  return [
    'set -e',
    `[ -e ${HOME}/data/meta.properties ] || /opt/kafka/bin/kafka-storage.sh format --config ${config} ` +
      `--cluster-id $(/opt/kafka/bin/kafka-storage.sh random-uuid) ${users.join(' ')}`,
    `exec /opt/kafka/bin/kafka-server-start.sh ${config}`,
  ].join('\n');
}

async function awaitContainer(container: StartedTestContainer, port: number): Promise<void> {
  const isServing = await within(
    READY_DEADLINE_MS,
    async () => (await aliveBrokers('127.0.0.1', port)) >= 1,
    100,
  );
  if (isServing) return;
  await container.stop();
  throw new MillraceError(
    'broker_unreachable',
    `Kafka in Docker did not get ready on port ${port} in ${READY_DEADLINE_MS / 1000} s. Look at the engine's logs, or give it more memory.`,
  );
}

function control(container: StartedTestContainer, port: number) {
  const handle = async () => (await getContainerRuntimeClient()).container.getById(container.getId());
  return {
    source: 'docker' as const,
    pids: [],
    stop: async () => {
      await container.stop({ timeout: 20_000 });
    },
    killBroker: async () => (await handle()).kill(),
    stopBroker: async () => (await handle()).stop(),
    pauseBroker: async () => (await handle()).pause(),
    resumeBroker: async () => (await handle()).unpause(),
    restartBroker: async () => {
      const broker = await handle();
      if ((await broker.inspect()).State.Running) await broker.stop();
      await broker.start();
      await awaitContainer(container, port);
    },
  };
}
