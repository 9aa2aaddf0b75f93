import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { toMskEvent } from '../../cli/dev/msk-event.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { Topic } from '../../events/ids.ts';
import { decodePack } from '../../events/pack.ts';
import { createKey } from '../../functions/migrate/new-key.ts';
import { type Offline, startOffline } from './setup/offline.ts';

let directory: string;
let server: PostgresServer;
let pool: ReturnType<typeof createPool>;
let offline: Offline;
let clientKey: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-offline-db-'));
  server = await startPostgres({ dataDir: join(directory, 'data') });
  await migrate({ dsn: server.dsn });
  pool = createPool({ dsn: server.dsn, poolSize: 1 }, silentLogger);
  await pool.query("insert into job_types (type) values ('noop')");
  clientKey = await keyWith('enqueue', 'read');
  const workerKey = await keyWith('work');
  // As `auth: keys` deploys it: the gateway lets all through, and the function asks.
  offline = await startOffline((url) => ({
    WE_AUTH: 'keys',
    WE_API_KEY: workerKey,
    WE_POSTGRES_DSN: server.dsn,
    WE_DISPATCH_MODE: 'kafka_outbox',
    WE_API_URL: url,
  }));
});
afterAll(async () => {
  await offline?.[Symbol.asyncDispose]();
  await pool?.end();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function keyWith(...scopes: string[]): Promise<string> {
  const { key } = await createKey({ createKey: { name: scopes.join('-'), scopes } }, { dsn: server.dsn });
  return key;
}

/** As a client that has a key. */
function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers({ ...init.headers, authorization: `Bearer ${clientKey}` });
  return fetch(offline.url + path, { ...init, headers });
}

/** What the relay would have published. */
async function published() {
  const { rows } = await pool.query<{ topic: string; message_count: number; messages: Buffer }>(
    'with taken as (delete from dispatch_outbox returning *) select * from taken order by id',
  );
  return rows.flatMap(({ topic, message_count, messages }) =>
    decodePack(messages, message_count).map((message, index) => ({
      ...message,
      topic: topic as Topic,
      partition: 0,
      offset: BigInt(index),
      timestamp: Date.now(),
    })),
  );
}

test('a job goes its whole way through the deployed handlers behind serverless-offline', async () => {
  const accepted = await ask('/api/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"type":"noop","payload":{"n":1}}',
  });
  expect(accepted.status).toBe(201);
  const { id } = (await accepted.json()) as { id: string };

  const answer = await offline.invoke('worker', toMskEvent(await published(), 'b-1:9098'));

  expect(answer).toEqual({ batchItemFailures: [] });
  const job = await ask(`/api/v1/jobs/${id}`);
  expect(await job.json()).toMatchObject({ id, status: 'completed', payload: { n: 1 } });
});

test('every group of routes is served there, and refused with its own words', async () => {
  const statuses = await Promise.all(
    ['/openapi.json', '/ui', '/ui/main.ts', '/api/v1/workflows', '/api/v1/schedules', '/api/v1/types'].map(
      async (path) => (await ask(path)).status,
    ),
  );
  expect(statuses).toEqual([200, 200, 200, 200, 200, 200]);
  const refused = await ask('/api/v1/jobs/none');
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(await refused.json()).toMatchObject({ code: 'invalid_request' });
});

test('the web UI is reached without a key, and lets a browser in that has one', async () => {
  const at = (path: string, init?: RequestInit) => fetch(offline.url + path, init);
  expect((await at('/ui')).status).toBe(200);
  expect((await at('/ui/main.ts')).status).toBe(200);
  expect((await at('/api/v1/jobs')).status).toBe(401);

  const login = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const wrong = await at('/ui/session', { ...login, body: '{"key":"mrk_no"}' });
  expect(wrong.status).toBe(401);
  const opened = await at('/ui/session', { ...login, body: JSON.stringify({ key: clientKey }) });
  expect(opened.status).toBe(204);
  const [cookie = ''] = opened.headers.getSetCookie().map((one) => one.split(';', 1)[0] ?? '');

  const seen = await at('/api/v1/jobs', { headers: { cookie } });
  expect(seen.status).toBe(200);
  const who = await at('/ui/session', { headers: { cookie } });
  expect(await who.json()).toMatchObject({ asked: true, name: 'key:enqueue-read' });
});
