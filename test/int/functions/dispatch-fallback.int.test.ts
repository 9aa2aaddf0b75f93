import { afterEach, beforeEach, expect, test } from 'vitest';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { queueDueJobs } from '../../../engine/roles/due-jobs.ts';
import { dispatchPolledJobs, redispatchLostJobs } from '../../../engine/roles/lost-dispatches.ts';
import { defineJob, PollingRunner } from '../../../sdk/index.ts';
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

beforeEach(async () => {
  runs.length = 0;
  await api.database.pool().query('truncate jobs, dispatch_outbox, workflow_instances cascade');
  await api.database.pool().query(`update millrace_settings set dispatch_mode = 'kafka_outbox'`);
});

afterEach(() => setPressure('calm'));

async function setPressure(pressure: 'calm' | 'fallback'): Promise<void> {
  await api.database.pool().query('update millrace_settings set wal_pressure = $1', [pressure]);
}

async function count(sql: string): Promise<number> {
  const { rows } = await api.database.pool().query<{ count: number }>(`select count(*)::integer ${sql}`);
  return rows[0]?.count ?? -1;
}

const ways: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['a job', () => api.post('/api/v1/jobs', { type: 'noop', payload: {} })],
  [
    'a job under a key',
    () => api.post('/api/v1/jobs', { type: 'noop', payload: {} }, { 'idempotency-key': crypto.randomUUID() }),
  ],
  [
    'a workflow',
    () => api.post('/api/v1/workflows', { name: 'w', steps: [{ name: 'a', type: 'noop', payload: {} }] }),
  ],
  ['SQL', () => api.database.pool().query(`select millrace.enqueue('noop', '{}')`)],
];

test.each(ways)('%s writes an outbox row, and during a fallback none', async (_, enqueue) => {
  await enqueue();
  expect(await count('from dispatch_outbox')).toBe(1);
  expect(await count(`from jobs where status = 'queued' and dispatches = 1`)).toBe(1);
  await setPressure('fallback');
  await enqueue();
  expect(await count('from dispatch_outbox')).toBe(1);
  expect(await count(`from jobs where status = 'queued' and dispatches = 0`)).toBe(1);
});

test('a worker on stand-by starts, takes nothing, and takes all of it during a fallback', async () => {
  const runner = new PollingRunner({ handlers, apiUrl: api.url, workerId: 'spare', standBy: true });
  await runner.start();
  await api.post('/api/v1/jobs', { type: 'noop', payload: {} });
  const refused = await api.post('/api/v1/jobs/poll', { types: ['noop'], worker_id: 'x', limit: 1 });
  expect(refused.json['code']).toBe('poll_disabled');
  expect(runs).toEqual([]);
  await setPressure('fallback');
  await api.post('/api/v1/jobs', { type: 'noop', payload: {} });
  await waitFor(() => runs.length === 2, { within: 15_000, what: 'both jobs to run' });
  await runner.stop();
});

test('a worker that is not on stand-by is told at its start that it would get nothing', async () => {
  const runner = new PollingRunner({ handlers, apiUrl: api.url, workerId: 'wrong' });
  await expect(runner.start()).rejects.toMatchObject({ code: 'poll_disabled' });
});

test('a retry and the next step of a workflow write no outbox row during a fallback, and one after it', async () => {
  const steps = [
    { name: 'a', type: 'noop', payload: {} },
    { name: 'b', type: 'noop', payload: {} },
  ];
  await api.post('/api/v1/workflows', { name: 'w', steps });
  const { json: job } = await api.post('/api/v1/jobs', { type: 'noop', payload: {} });
  await setPressure('fallback');
  const { json } = await api.post('/api/v1/jobs/poll', { types: ['noop'], worker_id: 'w', limit: 2 });
  for (const { token, job: taken } of json['jobs'] as { token: string; job: { id: string } }[]) {
    const end =
      taken.id === job['id']
        ? ['fail', { token, error: 'no luck', retry_after_ms: 1 }]
        : ['complete', { token }];
    expect((await api.post(`/api/v1/jobs/${taken.id}/${end[0]}`, end[1] as object)).status).toBe(200);
  }
  const pool = createPool({ dsn: api.database.dsn, poolSize: 1 }, silentLogger);
  const leader = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
  await waitFor(async () => (await queueDueJobs(leader, 10)) === 1, { within: 15_000, what: 'the retry' });
  expect(await count(`from jobs where status = 'queued'`)).toBe(2);
  expect(await count('from dispatch_outbox')).toBe(2);
  await setPressure('calm');
  expect(await dispatchPolledJobs(leader, 10)).toBe(2);
  expect(await dispatchPolledJobs(leader, 10)).toBe(0);
  // Both in one pack.
  expect(await count('from dispatch_outbox')).toBe(3);
  await pool.end();
});

test('what nobody polled goes through the outbox once the fallback is over, and not before', async () => {
  await setPressure('fallback');
  await api.post('/api/v1/jobs', { type: 'noop', payload: {} });
  const pool = createPool({ dsn: api.database.dsn, poolSize: 1 }, silentLogger);
  const leader = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
  expect(await dispatchPolledJobs(leader, 10)).toBe(0);
  expect(await redispatchLostJobs(leader, { olderThanMs: 0, limit: 10 })).toBe(0);
  await setPressure('calm');
  expect(await dispatchPolledJobs(leader, 10)).toBe(1);
  expect(await count('from dispatch_outbox')).toBe(1);
  await pool.end();
});
