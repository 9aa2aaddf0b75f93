import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { startLambda } from './setup/lambda.ts';
import { type Moto, REGION, startMoto } from './setup/moto.ts';

/** The answers that CloudFormation was given, and the parts of AWS that the migrations of a deploy work with. */
const answers: { Status: string; Reason?: string }[] = [];
let cloudFormation: Server;
let moto: Moto;
let secretArn: string;
let directory: string;
let server: PostgresServer;

beforeAll(async () => {
  cloudFormation = createServer(async (request, response) => {
    answers.push(JSON.parse(await text(request)));
    response.end();
  }).listen(0, '127.0.0.1');
  await once(cloudFormation, 'listening');
  directory = await mkdtemp(join(tmpdir(), 'millrace-refusals-'));
  moto = await startMoto();
  const SecretString = JSON.stringify({ username: 'postgres', password: 'postgres' });
  const [made] = await moto.call([['secretsmanager', 'create_secret', { Name: 'db', SecretString }]]);
  secretArn = (made as { ARN: string }).ARN;
});
afterAll(async () => {
  cloudFormation.close();
  await moto?.[Symbol.asyncDispose]();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** As CloudFormation calls them in a deploy that has a relay. */
async function migrations(settings: Readonly<Record<string, string>> = {}) {
  await using lambda = await startLambda('migrate', {
    WE_DISPATCH_MODE: 'kafka_outbox',
    WE_MIGRATE_HOST: server.host,
    WE_MIGRATE_PORT: String(server.port),
    WE_MIGRATE_DATABASE: 'workflow',
    WE_MIGRATE_SECRET_ARN: secretArn,
    AWS_ENDPOINT_URL: moto.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    ...settings,
  });
  await lambda.invoke({
    RequestType: 'Create',
    ResponseURL: `http://127.0.0.1:${(cloudFormation.address() as AddressInfo).port}/answer`,
    StackId: 's',
    RequestId: 'r',
    LogicalResourceId: 'Migrations',
    ResourceProperties: {},
  });
  const [answer, ...more] = answers.splice(0);
  expect(more).toEqual([]);
  return answer;
}

/** Tables, schemas and roles that a deploy makes. */
async function made(): Promise<unknown[]> {
  const client = new pg.Client({
    connectionString: server.dsn.replace('workflow:workflow', 'postgres:postgres'),
  });
  await client.connect();
  const { rows } = await client
    .query(`
      select tablename as name from pg_tables where schemaname = 'public'
      union all select nspname from pg_namespace where nspname = 'millrace'
      union all select rolname from pg_roles where rolname like 'millrace%'`)
    .finally(() => client.end());
  return rows.map(({ name }) => name);
}

async function serve(settings: Readonly<Record<string, string>>): Promise<void> {
  await server?.stop();
  server = await startPostgres({ dataDir: join(directory, 'data'), settings });
}

test('a PostgreSQL without logical replication is refused in one line with the fix, before anything is made in it', async () => {
  await serve({ wal_level: 'replica' });

  const refusal = await migrations();
  expect(refusal).toMatchObject({
    Status: 'FAILED',
    Reason:
      'PostgreSQL runs with wal_level=replica, and the relay needs logical. On RDS set rds.logical_replication = 1 in the ' +
      'parameter group and reboot; elsewhere set wal_level = logical and restart. Nothing was changed.',
  });
  expect(await made()).toEqual([]);

  // It is what the refusal says that mends it.
  await serve({ wal_level: 'logical' });
  expect(await migrations()).toMatchObject({ Status: 'SUCCESS' });
  expect(await made()).toEqual(
    expect.arrayContaining(['jobs', 'millrace', 'millrace_app', 'millrace_relay']),
  );
}, 120_000);

test('without a relay that PostgreSQL is as good as any', async () => {
  await serve({ wal_level: 'replica' });
  expect(await migrations({ WE_DISPATCH_MODE: 'polling' })).toMatchObject({ Status: 'SUCCESS' });
}, 120_000);

const gone = `arn:aws:secretsmanager:${REGION}:123456789012:secret:gone-AbCdEf`;

test.each([
  [
    'a secret of another ARN',
    { WE_MIGRATE_SECRET_ARN: gone },
    /^The secret \S+:gone-AbCdEf of the database's owner cannot be read: [^\n]+ Check WE_MIGRATE_SECRET_ARN, [^\n]+$/,
  ],
  [
    'a database that is not there',
    { WE_MIGRATE_DATABASE: 'elsewhere' },
    /^PostgreSQL at [^\n]+"elsewhere" does not exist[^\n]+Check databaseHost, databaseName and databaseSecretArn/,
  ],
  [
    'a host that nobody knows',
    { WE_MIGRATE_HOST: 'nowhere.invalid' },
    /^PostgreSQL at nowhere\.invalid[^\n]+Check databaseHost, databaseName and databaseSecretArn[^\n]+security group[^\n]+$/,
  ],
])('%s fails the deploy in one line that says what to check', async (_, settings, line) => {
  if (!server) await serve({ wal_level: 'logical' });
  expect(await migrations(settings)).toMatchObject({
    Status: 'FAILED',
    Reason: expect.stringMatching(line),
  });
});
