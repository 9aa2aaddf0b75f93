import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectionOptions } from '../../adapters/kafka/connection-options.ts';
import { createTopics } from '../../adapters/kafka/create-topics.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { kafkaUsers } from '../../cli/dev/backends/kafka-properties.ts';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { CLUSTER_ARN } from '../helpers/fake-msk.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { type AwsReference, readAwsReference } from './setup/aws-reference.ts';
import { enqueueInCold } from './setup/cold-containers.ts';
import { deployed } from './setup/deployed.ts';
import { type Audited, type AuditedKafka, startAuditedKafka } from './setup/kafka-audit.ts';
import { CREDENTIALS, resolved } from './setup/observe.ts';
import { type Resource, variants } from './setup/package.ts';
import { startPackaged } from './setup/packaged-process.ts';
import { hold, ofCollector, type Right, rightsOfKafka } from './setup/rights.ts';
import { rightOfToken, startSignedRequests } from './setup/signed-requests.ts';
import { taskOf } from './setup/tasks.ts';

const TOPIC = 'workflow.jobs.noop';

let directory: string;
let kafka: AuditedKafka;
let server: PostgresServer;
let pool: ReturnType<typeof createPool>;
let reference: AwsReference;
const before = { ...process.env };

beforeAll(async () => {
  Object.assign(process.env, CREDENTIALS);
  directory = await mkdtemp(join(tmpdir(), 'millrace-rights-'));
  [kafka, server, reference] = await Promise.all([
    startAuditedKafka(),
    startPostgres({ dataDir: join(directory, 'data') }),
    readAwsReference(),
  ]);
  const admin = new Kafka({ brokers: [...kafka.server.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await createTopics(admin, [{ topic: TOPIC, numPartitions: 2 }]);
  await admin.disconnect();
  await migrate({ dsn: server.dsn });
  pool = createPool({ dsn: server.dsn, poolSize: 1 }, silentLogger);
  await pool.query("insert into job_types (type) values ('noop')");
});
afterAll(async () => {
  process.env = { ...before };
  await kafka?.[Symbol.asyncDispose]();
  await pool?.end();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

function resourceOf(name: string): Resource {
  const resource = variants[0] && deployed(variants[0])[name];
  if (!resource) throw new Error(`Nothing of the name ${name} is deployed.`);
  return resource;
}

/** The one right that is no request of Kafka's own: the token with which a client logs in is signed for it. */
async function connecting(): Promise<Right> {
  const source = { kind: 'cluster', arn: CLUSTER_ARN } as const;
  const { sasl } = connectionOptions({ transport: 'msk_iam', source, region: 'eu-west-1', client: 'direct' });
  const token = typeof sasl?.token === 'function' ? await sasl.token() : '';
  return rightOfToken(Buffer.from(token, 'base64url').toString());
}

function isNeeded(user: Audited, ...wanted: readonly string[]): () => Promise<boolean> {
  return async () => {
    const seen = (await kafka.needed(user)).map(({ operation, type }) => `${operation} ${type}`);
    return wanted.every((one) => seen.includes(one));
  };
}

async function isPublished(): Promise<boolean> {
  return (await pool.query('select from dispatch_outbox')).rowCount === 0;
}

test('the relay asks AWS and the brokers for what its role allows, and for nothing else', async () => {
  await using seen = await startSignedRequests();
  seen.brokers = { BootstrapBrokerStringSaslScram: kafka.brokers.join(',') };
  const { username, password } = kafkaUsers.admin;
  const inTask = {
    ...resolved({ ...taskOf(resourceOf('RelayTask')).environment, WE_KAFKA_CLUSTER_ARN: CLUSTER_ARN }, seen),
    // The broker here knows no tokens of AWS; what a client needs there does not depend on how it has logged in.
    WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
    WE_KAFKA_SASL_USERNAME: username,
    WE_KAFKA_SASL_PASSWORD: password,
    WE_KAFKA_TLS_CA_PATH: kafka.server.ca ?? '',
    WE_METRICS_PORT: '0',
    WE_RELAY_LAG_INTERVAL: '200ms',
  };
  {
    await using relay = startPackaged(['relay'], inTask);
    await relay.until(() => seen.rights.some(({ on }) => on !== ''), 'it logs in to the database');
  }
  const database = { WE_POSTGRES_DSN: server.dsn, WE_POSTGRES_IAM: 'off', WE_POSTGRES_TLS_CA_PATH: '' };
  const env = { ...inTask, ...database };
  const job = { WE_DISPATCH_MODE: 'kafka_outbox', WE_POSTGRES_DSN: server.dsn };
  expect(await enqueueInCold(1, job)).toEqual([201]);
  {
    await using relay = startPackaged(['relay'], env);
    await relay.until(isPublished, 'it publishes what is in the outbox');
    await relay.until(isNeeded('admin', 'WRITE TOPIC', 'DESCRIBE GROUP'), 'it reads the lag of the workers');
  }
  {
    // After a leader that died, the next reads what that one has published.
    await using relay = startPackaged(['relay'], env);
    await relay.until(isNeeded('admin', 'READ TOPIC'), 'it reads the end of the topics');
  }
  const ofKafka = rightsOfKafka(await kafka.needed('admin'), reference);
  const held = hold(resourceOf('RelayRole'), [
    ...seen.rights,
    ...ofKafka,
    await connecting(),
    ...ofCollector,
  ]);
  expect(held).toEqual({ allowed: held.asked, asked: held.asked, elsewhere: [] });
}, 180_000);

/** docs.aws.amazon.com/lambda/latest/dg/with-msk-cluster-network: the pollers look at the settings of the cluster as well. */
const OF_POLLERS = { action: 'kafka-cluster:DescribeClusterDynamicConfiguration', on: '' };

test('the pollers of a worker may do what a consumer of its topic in its group does, and nothing else', async () => {
  const { username, password } = kafkaUsers.worker;
  const client = new Kafka({
    brokers: [...kafka.brokers],
    ssl: { ca: readFileSync(kafka.server.ca ?? '', 'utf8') },
    sasl: { mechanism: 'scram-sha-512', username, password },
    logLevel: logLevel.NOTHING,
  });
  const consumer = client.consumer({ groupId: 'workflow.workers.noop', maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({ eachMessage: async () => undefined });
  const isPolling = isNeeded('worker', 'READ GROUP', 'READ TOPIC', 'DESCRIBE GROUP');
  await waitFor(isPolling, { within: 60_000, what: 'the consumer to poll' });
  await consumer.disconnect();

  const ofKafka = rightsOfKafka(await kafka.needed('worker'), reference);
  const held = hold(resourceOf('WorkerNoopRole'), [...ofKafka, await connecting(), OF_POLLERS]);
  const allowed = held.allowed.filter((action) => action.startsWith('kafka-cluster:'));
  expect({ ...held, allowed }).toEqual({ allowed: held.asked, asked: held.asked, elsewhere: [] });
});
