import { readFileSync } from 'node:fs';
import type { Environment } from '../../adapters/env.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { EventBus } from '../../engine/ports/event-bus.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { BrokerConfig } from './schema.ts';

export interface ProviderDeps {
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface OpenProvider {
  readonly bus: EventBus;
  close(): Promise<void>;
}

type Config<Provider> = Extract<BrokerConfig, { provider: Provider }>;

/** The bus a broker's module describes. What it is made of is loaded only where it is used. */
export async function openProvider(
  name: string,
  config: BrokerConfig,
  deps: ProviderDeps,
): Promise<OpenProvider> {
  switch (config.provider) {
    case 'memory':
      return openMemory(deps);
    case 'pgchannel':
      return openPg(config, deps);
    case 'nats':
      return openNats(name, config, deps);
    case 'kafka':
      return openKafka(config, deps);
    case 'kinesis':
      return openKinesis(config, deps);
    default:
      return config satisfies never;
  }
}

async function openMemory({ clock, logger }: ProviderDeps): Promise<OpenProvider> {
  const { MemoryEventBus } = await import('../../adapters/memory/event-bus.ts');
  const bus = new MemoryEventBus({ clock, logger });
  return { bus, close: () => bus.close() };
}

async function openPg(config: Config<'pgchannel'>, { clock, logger }: ProviderDeps): Promise<OpenProvider> {
  const { openPgChannel } = await import('../../adapters/postgres/eventbus/open.ts');
  return openPgChannel({ dsn: config.dsn, poolSize: config.max_conns }, { clock, logger });
}

async function openNats(name: string, config: Config<'nats'>, deps: ProviderDeps): Promise<OpenProvider> {
  const { NatsBus } = await import('../../adapters/nats/event-bus.ts');
  const { readUrl } = await import('../../adapters/nats/config.ts');
  const own = `EVENTBUS_${name.toUpperCase().replaceAll('-', '_')}_URI`;
  const url = config.dsn || deps.env[own] || deps.env['NATS_URL'];
  if (!url) {
    throw new MillraceError(
      'configuration',
      `The broker ${name} has no address. Give it a dsn, or set ${own} or NATS_URL in the environment.`,
    );
  }
  const { server, login } = readUrl(url);
  const bus = new NatsBus({
    config: { servers: [server], login, replicas: config.replicas ?? 1 },
    name: `millrace ${name}`,
    clock: deps.clock,
    logger: deps.logger,
  });
  return { bus, close: () => bus.close() };
}

async function openKafka(config: Config<'kafka'>, { clock, logger }: ProviderDeps): Promise<OpenProvider> {
  const { KafkaMessageLog } = await import('../../adapters/kafka/message-log.ts');
  const { openLogBus } = await import('../../adapters/open-log-bus.ts');
  const { partitions, default_replication_factor, ...connection } = config.kafka;
  const log = new KafkaMessageLog({
    config: kafkaConfig(connection),
    clock,
    ...(partitions !== undefined && { partitions }),
    ...(default_replication_factor !== undefined && { replicationFactor: default_replication_factor }),
  });
  return openLogBus(log, { dsn: config.dsn, poolSize: config.max_conns }, { clock, logger });
}

/** Credentials are those of the process, wherever AWS's client finds them. */
async function openKinesis(
  config: Config<'kinesis'>,
  { clock, logger }: ProviderDeps,
): Promise<OpenProvider> {
  const { openKinesisLog } = await import('../../adapters/kinesis/open.ts');
  const { openLogBus } = await import('../../adapters/open-log-bus.ts');
  const { region, endpoint, shard_count } = config.kinesis;
  const log = openKinesisLog({
    region,
    clock,
    ...(endpoint !== undefined && { endpoint }),
    ...(shard_count !== undefined && { shards: shard_count }),
  });
  return openLogBus(log, { dsn: config.dsn, poolSize: config.max_conns }, { clock, logger });
}

function kafkaConfig(kafka: Omit<Config<'kafka'>['kafka'], 'partitions' | 'default_replication_factor'>) {
  const { security_protocol, sasl_mechanism, sasl_username, sasl_password, ca_path } = kafka;
  const source = { kind: 'seeds', brokers: kafka.bootstrap_servers.split(',') } as const;
  const ca = ca_path === undefined ? {} : { ca: () => readFileSync(ca_path, 'utf8') };
  if (security_protocol === 'PLAINTEXT')
    return { transport: 'plaintext', source, client: 'direct', ...ca } as const;
  if (sasl_username === undefined || sasl_password === undefined) {
    throw new MillraceError('configuration', 'SASL_SSL needs kafka.sasl_username and kafka.sasl_password.');
  }
  const scram = { mechanism: sasl_mechanism, username: sasl_username, password: () => sasl_password };
  return { transport: 'sasl_scram_tls', source, client: 'direct', scram, ...ca } as const;
}
