import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { chooseKafka } from '../../cli/dev/backends/choose.ts';
import { type KafkaServer, startKafka } from '../../cli/dev/backends/kafka.ts';
import { endLeftoverBrokers } from '../../cli/dev/backends/kafka-broker.ts';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { stopLeftover } from '../../cli/dev/backends/postgres-postmaster.ts';
import { isAlive } from '../../cli/dev/backends/processes.ts';
import { isMillraceError } from '../../engine/errors.ts';
import type { ProvidedBackends } from './provided.ts';

const ROOT = join(import.meta.dirname, '..', '..', '.millrace', 'test');

interface Backends {
  readonly provided: ProvidedBackends;
  stop(): Promise<void>;
}

declare global {
  /** Each project loads this file anew: the backends they share must be found outside of it. */
  var millraceTestBackends: { users: number; readonly starting: Promise<Backends> } | undefined;
}

/** One PostgreSQL and one Kafka for all projects of the run which need any. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  globalThis.millraceTestBackends ??= { users: 0, starting: startBackends() };
  const shared = globalThis.millraceTestBackends;
  shared.users += 1;
  const backends = await shared.starting;
  for (const name of Object.keys(backends.provided).filter(isProvided)) {
    project.provide(name, backends.provided[name]);
  }
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    globalThis.millraceTestBackends = undefined;
    await backends.stop();
  };
}

async function startBackends(): Promise<Backends> {
  await removeAbandoned();
  const dir = join(ROOT, String(process.pid));
  await mkdir(dir, { recursive: true });
  const [database, kafka] = await Promise.allSettled([startDatabase(dir), startBroker(dir)]);
  const stop = async (): Promise<void> => {
    const database_ = database.status === 'fulfilled' ? [database.value.stop()] : [];
    const broker = kafka.status === 'fulfilled' && kafka.value.server ? [kafka.value.server.stop()] : [];
    await Promise.all([...database_, ...broker]);
    await rm(dir, { recursive: true, force: true });
  };
  if (database.status === 'fulfilled' && kafka.status === 'fulfilled') {
    return { provided: provide(database.value, kafka.value), stop };
  }
  await stop();
  throw database.status === 'rejected' ? database.reason : kafka.status === 'rejected' ? kafka.reason : null;
}

function startDatabase(dir: string): Promise<PostgresServer> {
  // No test survives a power cut: what a killed server has written stays with the system.
  return startPostgres({ dataDir: join(dir, 'postgres'), settings: { fsync: 'off' } });
}

type Broker = { readonly server: KafkaServer | undefined; readonly missing: string };

async function startBroker(dir: string): Promise<Broker> {
  const choice = await chooseKafka(process.env);
  if (choice.kind === 'none') return withoutKafka(choice.reason);
  try {
    const onProgress = (line: string): void => console.info(line);
    const server = await startKafka({ dir: join(dir, 'kafka'), secured: true, choice, onProgress });
    return { server, missing: '' };
  } catch (error) {
    // What cannot be had on this machine is said and skipped; what was had and does not work fails.
    if (isMillraceError(error) && error.code === 'configuration') return withoutKafka(error.message);
    throw error;
  }
}

function withoutKafka(reason: string): Broker {
  if (process.env['CI'] === 'true') throw new Error(`In CI a missing Kafka is a failure. ${reason}`);
  process.stderr.write(`\nKAFKA TESTS WILL BE SKIPPED. ${reason}\n\n`);
  process.env['WE_TEST_KAFKA_MISSING'] = reason;
  return { server: undefined, missing: reason };
}

function provide(database: PostgresServer, kafka: Broker): ProvidedBackends {
  return {
    WE_TEST_POSTGRES_DSN: database.dsn,
    WE_TEST_POSTGRES_ADMIN_DSN: database.adminDsn,
    WE_TEST_KAFKA_BROKERS: kafka.server?.brokers ?? [],
    WE_TEST_KAFKA_SECURED_BROKERS: kafka.server?.securedBrokers ?? [],
    WE_TEST_KAFKA_CA: kafka.server?.ca ?? '',
    WE_TEST_KAFKA_MISSING: kafka.missing,
  };
}

function isProvided(name: string): name is keyof ProvidedBackends {
  return name.startsWith('WE_TEST_');
}

/** A killed run leaves its servers and data: the next one clears them, whoever's they were. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(ROOT).catch(() => [])) {
    if (!/^\d+$/.test(name) || (await isAlive(Number(name)))) continue;
    const dir = join(ROOT, name);
    const onProgress = (line: string): void => console.info(line);
    await stopLeftover({ dataDir: join(dir, 'postgres'), onProgress });
    await endLeftoverBrokers(join(dir, 'kafka'), onProgress);
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
