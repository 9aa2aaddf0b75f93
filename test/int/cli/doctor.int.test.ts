import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { migrate } from '../../../adapters/postgres/migrate.ts';
import { kafkaUsers } from '../../../cli/dev/backends/kafka-properties.ts';
import { startPostgres } from '../../../cli/dev/backends/postgres.ts';
import { examine } from '../../../cli/doctor/examine.ts';
import type { Finding, Mend } from '../../../cli/doctor/finding.ts';
import type { StepId, Topic } from '../../../events/ids.ts';
import { jobTopic } from '../../../events/topics.ts';
import { millrace } from '../../e2e/millrace.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import {
  createTopics,
  describeKafka,
  describeSecuredKafka,
  type Grant,
  grant,
  kafkaBrokers,
  kafkaCaPath,
  securedBrokers,
  uniqueTopic,
  withAdmin,
} from '../../helpers/kafka.ts';
import { startTransactionPooler } from '../../helpers/transaction-pooler.ts';

type Env = Record<string, string>;

const POLLING = { standbys: [], steps: [] };

function envOf(db: { dsn: string }, more: Env = {}): Env {
  return {
    WE_POSTGRES_DSN: db.dsn,
    WE_DISPATCH_MODE: 'kafka_outbox',
    WE_RELAY_SLOT: `test_${randomBytes(6).toString('hex')}`,
    WE_KAFKA_TRANSPORT: 'plaintext',
    WE_KAFKA_SEED_BROKERS: '127.0.0.1:1',
    ...more,
  };
}

async function find(env: Env, check: string, steps: readonly StepId[] = []): Promise<Finding[]> {
  const findings = await examine(env, { standbys: [], steps });
  return findings.filter((finding) => finding.check === check);
}

/** The one finding of the check that is not in order. */
async function trouble(env: Env, check: string, steps: readonly StepId[] = []): Promise<Finding> {
  const [found] = (await find(env, check, steps)).filter(({ state }) => state !== 'ok');
  if (!found) throw new Error(`the doctor finds nothing wrong with ${check}`);
  return found;
}

async function states(env: Env, check: string): Promise<string[]> {
  return (await find(env, check)).map(({ state }) => state);
}

/** Runs the printed statements as a superuser, in the database they are meant for. */
async function run(adminDsn: string, mend: Mend | undefined): Promise<void> {
  expect(mend?.in).toBe('psql');
  const client = new pg.Client({ connectionString: adminDsn });
  await client.connect();
  for (const statement of mend?.run ?? []) await client.query(statement);
  await client.end();
}

test('the form of the outbox is told, and a relay that would change it', async () => {
  await using db = await createDatabase();
  await db.pool().query('alter table dispatch_outbox enable trigger dispatch_outbox_as_message');
  const [found] = await find(envOf(db), 'outbox');
  expect(found).toMatchObject({ state: 'ok', says: expect.stringContaining('write-ahead log alone') });
  const { says, mend } = await trouble(envOf(db, { WE_OUTBOX: 'table' }), 'outbox');
  expect(says).toContain('WE_OUTBOX here is table');
  expect(mend?.run).toEqual(['WE_OUTBOX=table npx millrace relay']);
});

test('a database in order is in order in polling mode, and Kafka is not asked', async () => {
  await using db = await createDatabase();
  const findings = await examine({ WE_POSTGRES_DSN: db.dsn }, POLLING);
  expect(findings.filter(({ state }) => state === 'failure')).toEqual([]);
  expect(findings.map(({ check }) => check)).toEqual([
    'connection',
    'pooler',
    'version',
    'primary',
    'clock',
    'migrations',
  ]);
});

test('a database without the migrations, until they are applied as it says', async () => {
  await using db = await createDatabase({ migrate: false });
  const found = await trouble({ WE_POSTGRES_DSN: db.dsn }, 'migrations');
  expect(found).toMatchObject({ state: 'failure', mend: { run: ['npx millrace migrate up'] } });
  const [, , ...verb] = found.mend?.run[0]?.split(' ') ?? [];
  expect(await millrace(verb, { env: { WE_POSTGRES_DSN: db.dsn } }).ended).toBe(0);
  expect(await states({ WE_POSTGRES_DSN: db.dsn }, 'migrations')).toEqual(['ok']);
});

const publications: readonly (readonly [string, readonly string[]])[] = [
  ['is gone', ['drop publication millrace_outbox']],
  [
    'shows updates and deletes',
    [`alter publication millrace_outbox set (publish = 'insert, update, delete')`],
  ],
  ['shows no inserts', [`alter publication millrace_outbox set (publish = 'truncate')`]],
  ['contains another table', ['alter publication millrace_outbox add table jobs']],
  ['leaves a column out', ['alter publication millrace_outbox set table dispatch_outbox (id, topic)']],
  ['leaves rows out', [`alter publication millrace_outbox set table dispatch_outbox where (topic > 'a')`]],
  [
    'is of all tables',
    ['drop publication millrace_outbox', 'create publication millrace_outbox for all tables'],
  ],
];

test.each(publications)('a publication that %s, until it is mended as printed', async (_, breaking) => {
  await using db = await createDatabase();
  const env = envOf(db);
  const check = 'publication millrace_outbox';
  expect(await states(env, check)).toEqual(['ok']);
  await run(db.adminDsn, { in: 'psql', run: breaking });
  const found = await trouble(env, check);
  expect(found.state).toBe('failure');
  await run(db.adminDsn, found.mend);
  expect(await states(env, check)).toEqual(['ok']);
});

test('a role that may not replicate, until it may', async () => {
  await using db = await createDatabase();
  const role = `norepl_${randomBytes(4).toString('hex')}`;
  await run(db.adminDsn, {
    in: 'psql',
    run: [`create role ${role} login password 'secret' in role workflow`],
  });
  const env = envOf({ dsn: withUser(db, role, 'secret') });
  const found = await trouble(env, 'role');
  expect(found.state).toBe('failure');
  await run(db.adminDsn, found.mend);
  expect(await states(env, 'role')).toEqual(['ok']);
  expect(await states(env, 'replication')).toEqual(['ok']);
  await run(db.adminDsn, { in: 'psql', run: [`drop role ${role}`] });
});

test('a wrong password and a missing database, each with what mends it', async () => {
  await using db = await createDatabase();
  const wrong = await trouble({ WE_POSTGRES_DSN: withUser(db, 'workflow', 'wrong') }, 'connection');
  expect(wrong).toMatchObject({ state: 'failure', mend: { run: ['\\password workflow'] } });
  const elsewhere = new URL(db.dsn);
  elsewhere.pathname = `/${db.name}_other`;
  const missing = await trouble({ WE_POSTGRES_DSN: elsewhere.href }, 'connection');
  await run(db.adminDsn, missing.mend);
  expect(await states({ WE_POSTGRES_DSN: elsewhere.href }, 'connection')).toEqual(['ok']);
  await run(db.adminDsn, { in: 'psql', run: [`drop database ${db.name}_other`] });
});

test('a slot of another plugin, until it is dropped', async () => {
  await using db = await createDatabase();
  const env = envOf(db);
  const slot = env['WE_RELAY_SLOT'] ?? '';
  await run(db.adminDsn, { in: 'psql', run: [`select pg_create_physical_replication_slot('${slot}')`] });
  const found = await trouble(env, `slot ${slot}`);
  expect(found).toMatchObject({ state: 'failure', says: expect.stringContaining('physical') });
  await run(db.adminDsn, found.mend);
  expect(await states(env, `slot ${slot}`)).toEqual(['ok']);
});

test('a slot that nobody reads and that follows no failover, each with its own command', async () => {
  await using db = await createDatabase();
  const env = envOf(db);
  const slot = env['WE_RELAY_SLOT'] ?? '';
  await db.pool().query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  const findings = await find(env, `slot ${slot}`);
  expect(findings.map(({ state, mend }) => [state, mend?.run[0]])).toEqual([
    ['warning', 'npx millrace relay'],
    ['warning', `ALTER_REPLICATION_SLOT ${slot} (FAILOVER true)`],
  ]);
  const replication: pg.ClientConfig & { replication: string } = {
    connectionString: db.adminDsn,
    replication: 'database',
  };
  const client = new pg.Client(replication);
  await client.connect();
  await client.query(findings[1]?.mend?.run[0] ?? '');
  await client.end();
  expect(await find(env, `slot ${slot}`)).toHaveLength(1);
  const left = await trouble({ ...env, WE_DISPATCH_MODE: 'polling' }, `slot ${slot}`);
  await run(db.adminDsn, left.mend);
  expect(await find({ ...env, WE_DISPATCH_MODE: 'polling' }, `slot ${slot}`)).toEqual([]);
});

test('a pooler in the way is a failure for the relay and a warning without one', async () => {
  await using db = await createDatabase();
  const direct = new URL(db.dsn);
  await using pooler = await startTransactionPooler({ host: direct.hostname, port: Number(direct.port) });
  direct.port = String(pooler.port);
  const env = envOf({ dsn: direct.href });
  expect(await trouble(env, 'pooler')).toMatchObject({
    state: 'failure',
    says: expect.stringContaining('transaction mode'),
  });
  expect(await trouble({ ...env, WE_DISPATCH_MODE: 'polling' }, 'pooler')).toMatchObject({
    state: 'warning',
  });
});

test('a server without logical decoding and without limits, until it is configured as printed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-doctor-'));
  const server = await startPostgres({ dataDir: join(dir, 'pg'), settings: { wal_level: 'replica' } });
  try {
    await migrate({ dsn: server.dsn });
    const env = envOf(server);
    const level = await trouble(env, 'wal_level');
    expect(level).toMatchObject({ state: 'failure', mend: { note: expect.stringContaining('restart') } });
    await run(server.adminDsn, level.mend);
    const keep = await trouble(env, 'max_slot_wal_keep_size');
    expect(keep.state).toBe('warning');
    await run(server.adminDsn, keep.mend);
    expect(await states(env, 'max_slot_wal_keep_size')).toEqual(['ok']);
    expect(await configured(server.adminDsn)).toContainEqual({ name: 'wal_level', setting: 'logical' });
  } finally {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
});

/** What the files of the server say, which those who start it here overrule on the command line. */
async function configured(adminDsn: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: adminDsn });
  await client.connect();
  const { rows } = await client.query('select name, setting from pg_file_settings');
  await client.end();
  return rows;
}

test('a broker that is away and a setting that is missing are told with the rest', async () => {
  await using db = await createDatabase();
  const env = envOf(db);
  expect(await trouble(env, 'kafka')).toMatchObject({
    state: 'failure',
    mend: { run: ['nc -vz 127.0.0.1 1'] },
  });
  const { WE_KAFKA_TRANSPORT: _, ...without } = env;
  expect(await trouble(without, 'kafka')).toMatchObject({ mend: { run: ['export WE_KAFKA_TRANSPORT=…'] } });
});

describeKafka('the doctor of a cluster', () => {
  test('a missing topic, until topics apply is run as printed', async () => {
    await using db = await createDatabase();
    const env = envOf(db, { WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') });
    const step = 'notify' as StepId;
    await withAdmin((admin) => admin.deleteTopics({ topics: [jobTopic(step)] })).catch(() => undefined);
    const check = `topic ${jobTopic(step)}`;
    const found = await trouble(env, check, [step]);
    expect(found.state).toBe('failure');
    const [, , ...verb] = found.mend?.run[0]?.split(' ') ?? [];
    expect(await millrace(verb, { env }).ended).toBe(0);
    expect((await find(env, check, [step])).filter(({ state }) => state === 'failure')).toEqual([]);
    expect((await find(env, `access ${jobTopic(step)}`, [step])).map(({ state }) => state)).toEqual(['ok']);
  });

  test('a topic whose batches are too small, or that needs more copies in step than it has', async () => {
    await using db = await createDatabase();
    const env = envOf(db, { WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') });
    const step = uniqueTopic('small') as StepId;
    const config = { 'max.message.bytes': '1000', 'min.insync.replicas': '2' };
    await createTopics([{ topic: jobTopic(step), partitions: 2, config }]);
    const found = await find(env, `topic ${jobTopic(step)}`, [step]);
    const failures = found.filter(({ state }) => state === 'failure').map(({ mend }) => mend?.run[0]);
    expect(failures).toEqual([
      expect.stringContaining('--add-config min.insync.replicas=1'),
      expect.stringContaining('--add-config max.message.bytes=1048588'),
    ]);
  });
});

describeSecuredKafka('the doctor of a cluster with permissions', () => {
  test('a missing permission, until it is granted as printed; a wrong password', async () => {
    await using db = await createDatabase();
    const { username, password } = kafkaUsers.worker;
    const env = envOf(db, {
      WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
      WE_KAFKA_SEED_BROKERS: securedBrokers().join(','),
      WE_KAFKA_SASL_USERNAME: username,
      WE_KAFKA_SASL_PASSWORD: password,
      WE_KAFKA_TLS_CA_PATH: kafkaCaPath(),
    });
    const step = uniqueTopic('acl') as StepId;
    const topic = jobTopic(step);
    await createTopics([topic]);
    const nobody = {
      WE_KAFKA_SASL_USERNAME: kafkaUsers.nobody.username,
      WE_KAFKA_SASL_PASSWORD: kafkaUsers.nobody.password,
    };
    expect(await trouble({ ...env, ...nobody }, 'kafka', [step])).toMatchObject({
      state: 'failure',
      mend: { run: [expect.stringContaining(`--allow-principal User:${kafkaUsers.nobody.username} `)] },
    });
    // Whoever may write somewhere is given a producer.
    await grant({ user: username, resource: 'topic', name: uniqueTopic(), operations: ['WRITE'] });
    await grant({ user: username, resource: 'topic', name: topic, operations: ['DESCRIBE'] });
    const found = await trouble(env, `access ${topic}`, [step]);
    expect(found.state).toBe('failure');
    await grant(granted(found.mend, topic));
    expect((await find(env, `access ${topic}`, [step])).map(({ state }) => state)).toEqual(['ok']);
    expect(await trouble({ ...env, WE_KAFKA_SASL_PASSWORD: 'wrong' }, 'kafka')).toMatchObject({
      state: 'failure',
      mend: { run: [expect.stringContaining(`--entity-name ${username}`)] },
    });
  });
});

/** What `kafka-acls.sh` does with the command: the tool is not where every test runs. */
function granted(mend: Mend | undefined, topic: Topic): Grant {
  const command = mend?.run[0] ?? '';
  const operations = [...command.matchAll(/--operation (\w+)/g)].map(([, name = '']) => name.toUpperCase());
  expect(command).toMatch(new RegExp(`^kafka-acls.sh .* --add .* --topic ${topic.replaceAll('.', '\\.')}$`));
  expect(operations).toEqual(['WRITE', 'DESCRIBE']);
  const user = /--allow-principal User:(\S+)/.exec(command)?.[1] ?? '';
  return { user, resource: 'topic', name: topic, operations: ['WRITE', 'DESCRIBE'] };
}

test('the verb prints a line a finding with the command below, or JSON, and exits 1 on a failure only', async () => {
  await using db = await createDatabase();
  const fine = millrace(['doctor'], { env: { WE_POSTGRES_DSN: db.dsn } });
  expect(await fine.ended).toBe(0);
  expect(fine.output()).toContain('ok       connection: ');
  await db.pool().query('drop publication millrace_outbox');
  const text = millrace(['doctor'], { env: envOf(db) });
  expect(await text.ended).toBe(1);
  expect(text.output()).toMatch(
    /failure {2}publication millrace_outbox: .*\n +psql> create publication .*;\n/,
  );
  const json = millrace(['doctor', '--json'], { env: envOf(db) });
  expect(await json.ended).toBe(1);
  expect(JSON.parse(json.output())).toMatchObject({
    ok: false,
    findings: expect.arrayContaining([expect.objectContaining({ check: 'wal_level', state: 'ok' })]),
  });
});

function withUser(db: TestDatabase, username: string, password: string): string {
  return Object.assign(new URL(db.dsn), { username, password }).href;
}
