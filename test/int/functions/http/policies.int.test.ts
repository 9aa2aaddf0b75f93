import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../../adapters/system/engine-deps.ts';
import type { JobPolicy } from '../../../../engine/job-policy.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { tickSchedules } from '../../../../engine/roles/schedule-ticks.ts';
import type { StepId } from '../../../../events/ids.ts';
import { enqueue } from '../../../../sdk/index.ts';
import { expectProblem, startApi } from './api.ts';

const api = startApi('polling');
const policies: Readonly<Record<string, JobPolicy>> = {
  'send-email': { concurrency: { limit: 2, by: 'to.id' }, rate: { key: 'mail', limit: 5, per_seconds: 60 } },
  extract: { unique: { by: 'source' } },
};

beforeAll(async () => {
  const types = ['send-email', 'extract', 'noop'] as StepId[];
  const declared = types.flatMap((type): [StepId, JobPolicy][] =>
    policies[type] ? [[type, policies[type]]] : [],
  );
  await createPostgresRecordStore(api.database.pool()).registerTypes(types, new Map(declared));
});

beforeEach(() => api.database.pool().query('truncate jobs, schedules'));

interface Written {
  readonly status: string;
  readonly limits: unknown;
  readonly limit_lane: string | null;
}

async function written(): Promise<Written[]> {
  const { rows } = await api.database
    .pool()
    .query<Written>(
      'select status, limits, limit_lane, concurrency_key, rate_key, unique_key from jobs order by id',
    );
  return rows;
}

const payloads = [
  '{"to": {"id": "a\\"b\\\\\\u0001é"}}',
  '{"to": {"id": 17}}',
  '{"to": {"id": 2.50}}',
  '{"to": {"id": null}}',
  '{"to": [1]}',
  'null',
];

test.each(payloads)(
  'the limits of a type hold for the payload %s, from SQL as from the API',
  async (payload) => {
    const body = `{"type": "send-email", "payload": ${payload}}`;
    expect((await api.post('/api/v1/jobs', body)).status).toBe(201);
    await api.database.pool().query('select millrace.enqueue($1, $2)', ['send-email', payload]);
    const [first, second] = await written();
    expect(first).toMatchObject({ status: 'pending', rate_key: 'mail' });
    expect(second).toEqual(first);
  },
);

test('a request with limits of its own has these, and under one key SQL and the API know them again', async () => {
  const concurrency = { key: 'mine', limit: 1 };
  const request = { type: 'send-email', payload: {}, idempotency_key: 'k', concurrency };
  const { json } = await api.post('/api/v1/jobs', request);
  const tx = api.database.pool();
  const again = { type: 'send-email', payload: {}, idempotencyKey: 'k', concurrency };
  expect(await enqueue(tx, again)).toBe(json['id']);
  await expect(enqueue(tx, { ...again, concurrency: { key: 'mine', limit: 2 } })).rejects.toMatchObject({
    code: 'idempotency_conflict',
  });
  const [job] = await written();
  expect(job?.limit_lane).toBe('["mine","mail"]');
});

test('of a type with a unique key one job for each value is open, from SQL as from the API', async () => {
  const first = await api.post('/api/v1/jobs', { type: 'extract', payload: { source: 'a' } });
  const joined = await api.post('/api/v1/jobs', { type: 'extract', payload: { source: 'a' } });
  expect([joined.json['id'], joined.headers.get('unique-joined')]).toEqual([first.json['id'], 'true']);
  const tx = api.database.pool();
  expect(await enqueue(tx, { type: 'extract', payload: { source: 'a' } })).toBe(first.json['id']);
  expect(await enqueue(tx, { type: 'extract', payload: { source: 'b' } })).not.toBe(first.json['id']);
});

test('a tick is left out while the unique key of its type is taken', async () => {
  const schedule = { cron: '0 3 * * *', type: 'extract', payload: { source: 'a' } };
  for (const name of ['one', 'two'])
    expect((await api.post('/api/v1/schedules', { name, ...schedule })).status).toBe(201);
  const pool = api.database.pool();
  await pool.query(`update schedules set next_run_at = '2026-01-02T03:00:00Z'`);
  const leader = createPool({ dsn: api.database.dsn, poolSize: 1 }, silentLogger);
  const deps = createEngineDeps(createPostgresRecordStore(leader), 'polling');
  expect(await tickSchedules(deps, 10, silentLogger)).toBe(2);
  await leader.end();
  expect(await written()).toMatchObject([{ unique_key: 'extract:a' }]);
});

test('what is too long for a key is refused by both, and nothing is written', async () => {
  const payload = { source: 'x'.repeat(201) };
  expectProblem(await api.post('/api/v1/jobs', { type: 'extract', payload }), 400, 'invalid_request', [
    'payload',
  ]);
  await expect(enqueue(api.database.pool(), { type: 'extract', payload })).rejects.toMatchObject({
    code: 'invalid_request',
  });
  expect(await written()).toEqual([]);
});

test.each([
  [{ concurrency: { key: 'a' } as never }, /limit of concurrency must be whole numbers/],
  [{ rate: { key: 'a', limit: 1, per_seconds: 0 } }, /must be whole numbers/],
  [{ concurrency: { key: '', limit: 1 } }, /a key of 1 to 255/],
  [{ concurrency: { key: 'a', limit: 1, per: 2 } as never }, /has "per"/],
])('SQL refuses the limit %o and says why', async (limits, why) => {
  await expect(enqueue(api.database.pool(), { type: 'noop', ...limits })).rejects.toThrow(why);
});
