import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { toMskEvent } from '../../../cli/dev/msk-event.ts';
import type { DispatchMode } from '../../../engine/deps.ts';
import type { IncomingRecord } from '../../../engine/ports/event-streamer.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { leaderRoles } from '../../../engine/roles/leader-roles.ts';
import type { Topic } from '../../../events/ids.ts';
import { decodePack } from '../../../events/pack.ts';
import { closeApp } from '../../../functions/compose.ts';
import { createMskHandler, defineJob, PollingRunner } from '../../../sdk/index.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { startApi } from './http/api.ts';

const api = startApi('kafka_outbox');
const runs: string[] = [];
const handlers = {
  noop: defineJob(({ job }) => {
    runs.push(job.id);
    return null;
  }),
};
let offset = 0n;

beforeEach(async () => {
  runs.length = 0;
  await api.database.pool().query('truncate jobs, dispatch_outbox cascade');
});

afterAll(() => vi.unstubAllEnvs());

/** As when the API is started anew with the other mode. */
async function switchTo(mode: DispatchMode): Promise<void> {
  vi.stubEnv('WE_DISPATCH_MODE', mode);
  await closeApp();
}

async function enqueue(count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => ({ type: 'noop', payload: {} }));
  const { json } = await api.post('/api/v1/jobs/batch', { jobs });
  return (json['jobs'] as { id: string }[]).map(({ id }) => id);
}

/** What the relay would publish of the outbox; the rows stay. */
async function messages(): Promise<IncomingRecord[]> {
  const { rows } = await api.database
    .pool()
    .query<{ topic: string; message_count: number; messages: Buffer }>(
      'select * from dispatch_outbox order by id',
    );
  return rows.flatMap(({ topic, message_count, messages }) =>
    decodePack(messages, message_count).map(({ key, value, headers }) => {
      offset += 1n;
      return { topic: topic as Topic, partition: 0, offset, timestamp: Date.now(), key, value, headers };
    }),
  );
}

async function consume(records: readonly IncomingRecord[]): Promise<void> {
  const handler = createMskHandler({ handlers, apiUrl: api.url, workerId: 'kafka' });
  const end = Date.now() + 30_000;
  const event: unknown = JSON.parse(JSON.stringify(toMskEvent(records, 'b-1:9098')));
  const answer = await handler(event, { getRemainingTimeInMillis: () => end - Date.now() });
  expect(answer.batchItemFailures).toEqual([]);
}

async function completed(): Promise<number> {
  const { rows } = await api.database
    .pool()
    .query<{ done: number }>(
      `select count(*)::integer as done from jobs where status = 'completed' and attempt = 1`,
    );
  return rows[0]?.done ?? 0;
}

async function pollUntil(done: number): Promise<void> {
  const runner = new PollingRunner({ handlers, apiUrl: api.url, workerId: 'polling' });
  await runner.start();
  await waitFor(async () => (await completed()) === done, {
    within: 10_000,
    what: `${done} jobs to complete`,
  });
  await runner.stop();
}

/** The leader, of the relay unless told otherwise, until `done`. */
async function lead(done: () => Promise<boolean>, mode: DispatchMode = 'kafka_outbox'): Promise<void> {
  const pool = createPool({ dsn: api.database.dsn, poolSize: 2 }, silentLogger);
  const deps = createEngineDeps(createPostgresRecordStore(pool), mode);
  const stop = new AbortController();
  const roles = leaderRoles(deps, { logger: silentLogger, tickMs: 20, lostAfterMs: 300_000 });
  const running = Promise.all(roles.map((role) => role.run(stop.signal)));
  await waitFor(done, { within: 10_000, what: 'the leader to dispatch' });
  stop.abort();
  await running;
  await pool.end();
}

test('from Kafka to polling: what was not claimed is polled, and the outbox rows stay as history', async () => {
  await switchTo('kafka_outbox');
  const ids = await enqueue(20);
  const published = await messages();
  await consume(published.slice(0, 5));
  expect(runs).toHaveLength(5);

  await switchTo('polling');
  await pollUntil(20);

  expect([...runs].sort()).toEqual([...ids].sort());
  expect(await messages()).toHaveLength(20);
  // A consumer that still runs and gets a copy finds that it is one too many.
  await consume(published);
  expect(runs).toHaveLength(20);
});

test('from polling to Kafka: what is queued is dispatched at the start of the leader, once', async () => {
  await switchTo('polling');
  const ids = await enqueue(20);
  const { json } = await api.post('/api/v1/jobs/poll', { types: ['noop'], worker_id: 'old', limit: 5 });
  const taken = json['jobs'] as { token: string; job: { id: string } }[];
  expect(taken).toHaveLength(5);
  expect(await messages()).toEqual([]);

  await switchTo('kafka_outbox');
  await lead(async () => (await messages()).length === 15);
  await lead(async () => true);
  const published = await messages();
  expect(published).toHaveLength(15);
  await consume(published);

  const rest = ids.filter((id) => !taken.some(({ job }) => job.id === id));
  expect([...runs].sort()).toEqual([...rest].sort());
  // The worker that polled before the switch finishes what it has.
  for (const { token, job } of taken) {
    expect((await api.post(`/api/v1/jobs/${job.id}/complete`, { token })).status).toBe(200);
  }
  expect(await completed()).toBe(20);
});

test('there and back while jobs come in: each runs once', async () => {
  await switchTo('polling');
  const ids = await enqueue(5);
  await switchTo('kafka_outbox');
  ids.push(...(await enqueue(5)));
  await lead(async () => (await messages()).length === 10);
  await switchTo('polling');
  ids.push(...(await enqueue(5)));
  await pollUntil(15);
  await consume(await messages());
  expect([...runs].sort()).toEqual([...ids].sort());
});

test('what Kafka had once and was queued again while polling is dispatched at the start of the leader', async () => {
  await switchTo('kafka_outbox');
  const ids = await enqueue(3);
  await api.database.pool().query('truncate dispatch_outbox');
  const { json } = await api.post('/api/v1/jobs/claim', { ids, worker_id: 'w' });
  await switchTo('polling');
  for (const { id, token } of json['results'] as { id: string; token: string }[]) {
    const failure = { token, error: 'no luck', retry_after_ms: 1 };
    expect((await api.post(`/api/v1/jobs/${id}/fail`, failure)).status).toBe(200);
  }
  await lead(async () => (await count(`status = 'queued'`)) === 3, 'polling');
  expect(await messages()).toEqual([]);

  await switchTo('kafka_outbox');
  await lead(async () => (await messages()).length === 3);
  await consume(await messages());
  expect([...runs].sort()).toEqual([...ids].sort());
});

async function count(condition: string): Promise<number> {
  const { rows } = await api.database
    .pool()
    .query<{ count: number }>(`select count(*)::integer as count from jobs where ${condition}`);
  return rows[0]?.count ?? 0;
}
