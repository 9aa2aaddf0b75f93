import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { migrate } from '../../../adapters/postgres/migrate.ts';
import { kafkaUsers } from '../../../cli/dev/backends/kafka-properties.ts';
import { startPostgres } from '../../../cli/dev/backends/postgres.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { StepId } from '../../../events/ids.ts';
import { jobTopic } from '../../../events/topics.ts';
import { runRelay } from '../../../relay-cdc/main.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import {
  createTopics,
  describeKafka,
  describeSecuredKafka,
  grant,
  kafkaBrokers,
  kafkaCaPath,
  readTopic,
  securedBrokers,
  uniqueTopic,
} from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { packOf } from './fixture.ts';

type Env = Record<string, string>;

function envFor(db: { dsn: string }, more: Env = {}): Env {
  return {
    WE_POSTGRES_DSN: db.dsn,
    WE_DISPATCH_MODE: 'kafka_outbox',
    WE_KAFKA_TRANSPORT: 'plaintext',
    WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
    WE_RELAY_SLOT: `test_${randomBytes(6).toString('hex')}`,
    WE_METRICS_PORT: '0',
    ...more,
  };
}

function securedEnv(db: TestDatabase, more: Env = {}): Env {
  return envFor(db, {
    WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
    WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
    WE_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    WE_KAFKA_SASL_USERNAME: kafkaUsers.worker.username,
    WE_KAFKA_SASL_PASSWORD: kafkaUsers.worker.password,
    WE_KAFKA_TLS_CA_PATH: kafkaCaPath(),
    ...more,
  });
}

/** Registers a job type no other test uses, and makes its topic unless told otherwise. */
async function registerType(db: TestDatabase, options: { topic: boolean } = { topic: true }) {
  const type = uniqueTopic('type') as StepId;
  await db.pool().query('insert into job_types (type) values ($1)', [type]);
  if (options.topic) await createTopics([jobTopic(type)]);
  return jobTopic(type);
}

/** Starts a relay; `failure` is what it ended with, if it did so by itself. */
function start(env: Env) {
  const lines: string[] = [];
  const stop = new AbortController();
  let metricsUrl: string | undefined;
  const ended = runRelay(env, {
    signal: stop.signal,
    logger: silentLogger,
    write: (line) => lines.push(line),
    onStarted: (addresses) => {
      metricsUrl = addresses.metricsUrl;
    },
  });
  const failure = ended.catch((error: unknown) => error);
  const started = () => waitFor(() => metricsUrl, { within: 15_000, what: 'the relay to start' });
  const stopInOrder = () => {
    stop.abort();
    return failure;
  };
  return { lines, failure, started, stop: stopInOrder };
}

describeKafka('the boot of the relay', () => {
  test('says each check in the documented order, then leads, serves and publishes', async () => {
    await using db = await createDatabase();
    const topic = await registerType(db);
    const relay = start(envFor(db));
    const url = await relay.started();
    expect(relay.lines.slice(0, 7)).toEqual([
      '[dispatch] mode=kafka_outbox',
      `[dispatch] kafka transport=plaintext brokers=[${kafkaBrokers().join(',')}]`,
      `[dispatch] validating topics: ${topic}`,
      '[dispatch] all topics present',
      '[dispatch] advisory-lock handshake ok',
      '[dispatch] migration 0009_dispatch_outbox applied',
      '[dispatch] relay started; this replica is leader=true',
    ]);
    await waitFor(async () => (await fetch(url.replace('/metrics', '/readyz'))).ok, { within: 10_000 });
    await db
      .pool()
      .query('insert into dispatch_outbox (topic, message_count, messages) values ($1, 2, $2)', [
        topic,
        packOf(['a', 'b']),
      ]);
    await waitFor(async () => (await readTopic(topic)).length === 2, { within: 15_000 });
    expect((await fetch(url.replace('/metrics', '/healthz'))).status).toBe(200);
    const text = await (await fetch(url)).text();
    expect(text).toContain('workflow_engine_dispatch_relay_publish_total{result="success"} 2');
    expect(text).toContain('workflow_engine_dispatch_relay_leader 1');
    expect(await relay.stop()).toBeUndefined();
  });

  test('a second replica says that it does not lead', async () => {
    await using db = await createDatabase();
    const env = envFor(db);
    const first = start(env);
    await first.started();
    const second = start(env);
    await second.started();
    expect(second.lines).toContain('[dispatch] relay started; this replica is leader=false');
    await second.stop();
    await first.stop();
  });

  test('in polling mode it says that there is nothing to relay', async () => {
    await using db = await createDatabase();
    const env = envFor(db);
    delete env['WE_DISPATCH_MODE'];
    expect(await start(env).failure).toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('WE_DISPATCH_MODE=kafka_outbox'),
    });
  });

  test('a missing topic is named, with the command that makes it', async () => {
    await using db = await createDatabase();
    const topic = await registerType(db, { topic: false });
    const relay = start(envFor(db));
    expect(await relay.failure).toMatchObject({
      code: 'topic_missing',
      message: expect.stringMatching(new RegExp(`${topic}.*millrace topics apply`)),
    });
    expect(relay.lines).not.toContain('[dispatch] all topics present');
  });

  test('a broker that does not answer is named', async () => {
    await using db = await createDatabase();
    expect(await start(envFor(db, { WE_KAFKA_SEED_BROKERS: '127.0.0.1:1' })).failure).toMatchObject({
      code: 'broker_unreachable',
      message: expect.stringContaining('127.0.0.1:1'),
    });
  });

  test('a database that does not answer is named', async () => {
    const dsn = 'postgres://workflow:workflow@127.0.0.1:1/workflow';
    expect(await start(envFor({ dsn })).failure).toMatchObject({
      code: 'database_unreachable',
      message: expect.stringContaining('127.0.0.1:1/workflow'),
    });
  });

  test('a database without the migrations is told from one that is away', async () => {
    await using db = await createDatabase({ migrate: false });
    expect(await start(envFor(db)).failure).toMatchObject({
      code: 'migration_missing',
      message: expect.stringContaining('millrace migrate up'),
    });
  });

  test('a single migration that is not applied is named', async () => {
    await using db = await createDatabase();
    await db.pool().query(`delete from schema_migrations where name = '0010_relay_state'`);
    expect(await start(envFor(db)).failure).toMatchObject({
      code: 'migration_missing',
      message: expect.stringContaining('0010_relay_state'),
    });
  });

  test('a role that may not replicate is told which statement lets it', async () => {
    await using db = await createDatabase();
    const role = `norepl_${randomBytes(4).toString('hex')}`;
    const admin = new pg.Client({ connectionString: db.adminDsn });
    await admin.connect();
    await admin.query(`create role ${role} login password 'secret' in role workflow`);
    const dsn = new URL(db.dsn);
    Object.assign(dsn, { username: role, password: 'secret' });
    expect(await start(envFor({ dsn: dsn.href })).failure).toMatchObject({
      code: 'database_unreachable',
      message: expect.stringContaining('alter role'),
    });
    await admin.query(`drop role ${role}`);
    await admin.end();
  });

  test('a server without logical decoding is told which setting to change', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-wal-'));
    const server = await startPostgres({ dataDir: join(dir, 'pg'), settings: { wal_level: 'replica' } });
    try {
      await migrate({ dsn: server.dsn });
      expect(await start(envFor(server)).failure).toMatchObject({
        code: 'database_not_logical',
        message: expect.stringContaining('ALTER SYSTEM SET wal_level'),
      });
    } finally {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });
});

describeSecuredKafka('the boot of the relay on SCRAM over TLS', () => {
  test('says mechanism, handshake and user', async () => {
    await using db = await createDatabase();
    const topic = await registerType(db);
    const user = kafkaUsers.worker.username;
    await grant({ user, resource: 'topic', name: topic, operations: ['WRITE', 'DESCRIBE'] });
    const relay = start(securedEnv(db));
    await relay.started();
    expect(relay.lines.slice(1, 4)).toEqual([
      '[dispatch] kafka transport=sasl_scram_tls mechanism=SCRAM-SHA-512',
      '[dispatch] TLS handshake ok',
      `[dispatch] SASL auth ok as user=${user}`,
    ]);
    expect(await relay.stop()).toBeUndefined();
  });

  test('a wrong password, a missing authority and a principal without permission each have their own error', async () => {
    await using db = await createDatabase();
    await registerType(db);
    const { username, password } = kafkaUsers.nobody;
    const nobody = { WE_KAFKA_SASL_USERNAME: username, WE_KAFKA_SASL_PASSWORD: password };
    expect(await start(securedEnv(db, { WE_KAFKA_SASL_PASSWORD: 'wrong' })).failure).toMatchObject({
      code: 'broker_auth_failed',
    });
    expect(await start(securedEnv(db, { WE_KAFKA_TLS_CA_PATH: '' })).failure).toMatchObject({
      code: 'broker_tls_failed',
    });
    expect(await start(securedEnv(db, nobody)).failure).toMatchObject({ code: 'broker_not_authorized' });
    const env = securedEnv(db);
    delete env['WE_KAFKA_SASL_PASSWORD'];
    expect(await start(env).failure).toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('WE_KAFKA_SASL_PASSWORD'),
    });
  });
});
