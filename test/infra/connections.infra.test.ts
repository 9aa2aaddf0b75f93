import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { startPgBouncer } from '../helpers/pgbouncer.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { enqueueInCold } from './setup/cold-containers.ts';
import { httpEvent } from './setup/events.ts';
import { startLambda } from './setup/lambda.ts';

const COLD = 500;
const JOB = httpEvent('POST', '/api/v1/jobs', { body: { type: 'noop', payload: {} } });

let directory: string;
let server: PostgresServer;
let pool: ReturnType<typeof createPool>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-connections-'));
  server = await startPostgres({ dataDir: join(directory, 'data'), settings: { max_connections: '100' } });
  await migrate({ dsn: server.dsn });
  pool = createPool({ dsn: server.dsn, poolSize: 1 }, silentLogger);
  await pool.query("insert into job_types (type) values ('noop')");
});
beforeEach(() => pool.query('truncate jobs, dispatch_outbox'));
afterAll(async () => {
  await pool?.end();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

function countOf(answers: readonly number[], status: number): number {
  return answers.filter((answer) => answer === status).length;
}

async function rows(): Promise<{ jobs: number; waiting: number }> {
  const { rows } = await pool.query(
    'select (select count(*)::int from jobs) as jobs, (select sum(message_count)::int from dispatch_outbox) as waiting',
  );
  return rows[0];
}

const environment = { WE_DISPATCH_MODE: 'kafka_outbox', WE_POSTGRES_PREPARE: 'off' };

test('500 functions that start cold at once are all served through a pooler before 100 connections', async () => {
  await using pooler = await startPgBouncer(server.dsn, { clients: 600, servers: 80 });

  const answers = await enqueueInCold(COLD, { ...environment, WE_POSTGRES_DSN: pooler.dsn });

  expect(answers).toHaveLength(COLD);
  expect(countOf(answers, 201) + countOf(answers, 503)).toBe(COLD);
  expect(countOf(answers, 201)).toBeGreaterThan(COLD / 2);
  // Each of them accepted, and none besides.
  expect(await rows()).toEqual({ jobs: countOf(answers, 201), waiting: countOf(answers, 201) });
});

test('without a pooler those that get no connection are told to try again, and nothing of theirs is written', async () => {
  const answers = await enqueueInCold(COLD, { ...environment, WE_POSTGRES_DSN: server.dsn });

  expect(countOf(answers, 503)).toBeGreaterThan(100);
  expect(countOf(answers, 201) + countOf(answers, 503)).toBe(COLD);
  expect(await rows()).toEqual({ jobs: countOf(answers, 201), waiting: countOf(answers, 201) });
});

test('the first request after a thaw is served, though its connection was lost without a word', async () => {
  await using proxy = await startTcpProxy(0, () => server.port);
  const dsn = new URL(server.dsn);
  dsn.host = `127.0.0.1:${proxy.port}`;
  await using http = await startLambda('http', { ...environment, WE_POSTGRES_DSN: dsn.href });
  expect(await http.invoke(JOB)).toMatchObject({ statusCode: 201 });

  const servedAt = Date.now();
  const pid = await http.pid();
  process.kill(pid, 'SIGSTOP');
  proxy.silence();
  // As long as a function must have paused to take its connection for lost.
  await waitFor(() => Date.now() - servedAt > 6_000, { within: 30_000 });
  process.kill(pid, 'SIGCONT');

  expect(await http.invoke(JOB)).toMatchObject({ statusCode: 201 });
  expect(await rows()).toEqual({ jobs: 2, waiting: 2 });
});
