import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Client, Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../../../../adapters/postgres/migrate.ts';
import { shardKey } from '../../../../adapters/postgres/packs.ts';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import { writeDispatchMode } from '../../../../adapters/postgres/settings.ts';
import { createEngineDeps } from '../../../../adapters/system/engine-deps.ts';
import { type PostgresServer, startPostgres } from '../../../../cli/dev/backends/postgres.ts';
import { enqueueJob } from '../../../../engine/commands/enqueue-jobs.ts';
import { newJob } from '../../../../engine/new-job.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import type { StepId } from '../../../../events/ids.ts';

const TYPE = 'send-email' as StepId;
const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

let pool: Pool;
let admin: Pool;

interface Stored {
  id: string;
  status: string;
  text: string;
  created_at: Date;
  run_at: Date;
  max_retries: number;
  partition_key: string | null;
  traceparent: string | null;
  request_hash: Buffer | null;
  dispatches: number;
}

async function jobs(): Promise<Stored[]> {
  const { rows } = await pool.query<Stored>('select *, payload::text as text from jobs order by id');
  return rows;
}

async function outbox() {
  const { rows } = await pool.query<{ topic: string; message_count: number; messages: Buffer }>(
    'select topic, message_count, messages from dispatch_outbox order by id',
  );
  return rows;
}

describe.each([18, 15] as const)('millrace.enqueue on PostgreSQL %i', (version) => {
  let dataDir: string;
  let server: PostgresServer;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-enqueue-'));
    server = await startPostgres({ dataDir, version, settings: { fsync: 'off' } });
    await migrate({ dsn: server.dsn });
    pool = createPool({ dsn: server.dsn, poolSize: 8 }, silentLogger);
    admin = createPool({ dsn: withDatabaseOf(server.dsn, server.adminDsn), poolSize: 1 }, silentLogger);
    await createPostgresRecordStore(pool).registerTypes([TYPE]);
  });
  afterAll(async () => {
    await Promise.all([pool?.end(), admin?.end()]);
    await server?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await pool.query('truncate jobs, dispatch_outbox');
    await writeDispatchMode(pool, 'kafka_outbox');
  });

  test('writes a job and a message with the very bytes that the API writes', async () => {
    const request = fc.record({
      payload: fc.json(),
      maxRetries: fc.integer({ min: 0, max: 1000 }),
      partitionKey: fc.option(fc.stringMatching(/^[a-zü€🙂]{1,80}$/u), { nil: undefined }),
      traceparent: fc.constantFrom(undefined, TRACE),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ payload, maxRetries, partitionKey, traceparent }) => {
        await pool.query('truncate jobs, dispatch_outbox');
        await pool.query(
          'select millrace.enqueue($1, $2, max_retries => $3, partition_key => $4, traceparent => $5)',
          [TYPE, payload, maxRetries, partitionKey, traceparent],
        );
        const [row] = await jobs();
        const [packed] = await outbox();
        expect(row).toMatchObject({
          text: payload,
          status: 'queued',
          dispatches: 1,
          max_retries: maxRetries,
        });
        const clock = { now: () => row?.created_at ?? new Date(0), sleep: () => Promise.resolve() };
        const base = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
        const deps = { ...base, clock, newId: () => row?.id ?? '' };
        const same = newJob(deps, { type: TYPE, payload, maxRetries, partitionKey, traceparent });
        expect(packed?.topic).toBe(same.dispatch?.topic);
        expect(packed?.messages.equals(same.dispatch?.message ?? Buffer.alloc(0))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('gives each message the shard key that the API gives its key', async () => {
    const keys = ['a', 'order-17', 'żółw', 'x'.repeat(255)];
    for (const key of keys) {
      await pool.query(`select millrace.enqueue('send-email', '{}', partition_key => $1)`, [key]);
    }
    const { rows } = await pool.query('select shard_key, packed_for from dispatch_outbox order by id');
    expect(rows).toEqual(keys.map((key) => ({ shard_key: shardKey(Buffer.from(key)), packed_for: 0 })));
  });

  test('gives ids of version 7 that rise within a transaction', async () => {
    const { rows } = await pool.query<{ id: string }>(
      `select millrace.enqueue('send-email', '{}') as id from generate_series(1, 200)`,
    );
    const ids = rows.map(({ id }) => id);
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/.test(id))).toBe(true);
    const millisecond = Number.parseInt(`${ids[0]?.slice(0, 8)}${ids[0]?.slice(9, 13)}`, 16);
    expect(millisecond).toBe((await jobs())[0]?.created_at.getTime());
  });

  test('leaves nothing behind when the transaction is rolled back', async () => {
    await inTransaction(pool, 'rollback', (client) =>
      client.query(`select millrace.enqueue('send-email', '{}')`),
    );
    expect([await jobs(), await outbox()]).toEqual([[], []]);
    await inTransaction(pool, 'commit', (client) =>
      client.query(`select millrace.enqueue('send-email', '{}')`),
    );
    expect([(await jobs()).length, (await outbox()).length]).toEqual([1, 1]);
  });

  test('writes no message in polling mode, nor for a job that is due later', async () => {
    await pool.query(`select millrace.enqueue('send-email', '{}', run_at => now() + interval '1 hour')`);
    await writeDispatchMode(pool, 'polling');
    await pool.query(`select millrace.enqueue('send-email', '{}')`);
    expect((await jobs()).map(({ status, dispatches }) => [status, dispatches])).toEqual([
      ['pending', 0],
      ['queued', 0],
    ]);
    expect(await outbox()).toEqual([]);
  });

  test('tells waiting workers in polling mode, with the commit', async () => {
    await writeDispatchMode(pool, 'polling');
    const listener = await pool.connect();
    try {
      await listener.query('listen millrace_jobs');
      const told = new Promise((resolve) => listener.once('notification', ({ payload }) => resolve(payload)));
      await inTransaction(pool, 'commit', (client) =>
        client.query(`select millrace.enqueue('send-email', '{}')`),
      );
      expect(await told).toBe('send-email');
    } finally {
      listener.release(true);
    }
  });

  test('under a known key gives the first id for the same request, also one that came over HTTP', async () => {
    const runAt = new Date('2020-01-02T03:04:05.678Z');
    const deps = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
    const payload = '{"b":"ü\\u0001\\"","a":1E400}';
    const request = { type: TYPE, payload, maxRetries: 2, priority: 5, runAt, partitionKey: 'p"\u0001' };
    const first = await enqueueJob(deps, { ...request, idempotencyKey: 'k' });
    const again = `select millrace.enqueue($1, $2, 2, 'k', $3, 5, $4) as id`;
    const { rows } = await pool.query(again, [TYPE, payload, runAt, 'p"\u0001']);
    expect(rows[0]?.id).toBe(first.job.id);
    const second = await pool.query(
      `select millrace.enqueue('send-email', '{}', idempotency_key => 'k2') as id`,
    );
    const replay = await enqueueJob(deps, { type: TYPE, payload: '{}', maxRetries: 3, idempotencyKey: 'k2' });
    expect([replay.kind, replay.job.id]).toEqual(['replayed', second.rows[0]?.id]);
    expect(await outbox()).toHaveLength(2);
  });

  test('refuses another request under a known key as a unique violation that says what to do', async () => {
    await pool.query(`select millrace.enqueue('send-email', '{"n":1}', idempotency_key => 'k')`);
    await expect(
      pool.query(`select millrace.enqueue('send-email', '{"n":2}', idempotency_key => 'k')`),
    ).rejects.toMatchObject({
      code: '23505',
      constraint: 'jobs_idempotency_key',
      message: expect.stringContaining('"k" was used before with another request'),
      hint: expect.stringContaining('Use a new key'),
    });
  });

  test('of concurrent transactions with one key makes one job', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { rows } = await pool.query(
          `select millrace.enqueue('send-email', '{}', idempotency_key => 'k') as id`,
        );
        return rows[0]?.id;
      }),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await outbox()).toHaveLength(1);
  });

  test('keeps the retry policy, and makes the hash that the HTTP API makes of it', async () => {
    const { rows } = await pool.query(
      `select millrace.enqueue('send-email', '{}', idempotency_key => 'k', retry => '{"base_ms":5}') as id`,
    );
    const deps = createEngineDeps(createPostgresRecordStore(pool), 'polling');
    const request = { type: TYPE, payload: '{}', maxRetries: 3, idempotencyKey: 'k', retry: { base_ms: 5 } };
    const again = await enqueueJob(deps, request);
    expect([again.kind, again.job.id, again.job.retry]).toEqual(['replayed', rows[0]?.id, { base_ms: 5 }]);
  });

  test('answers with the open job of a unique key, also when many ask at once, and writes anew once it has ended', async () => {
    const ask = () => pool.query(`select millrace.enqueue('send-email', '{}', unique_key => 'u') as id`);
    const answers = await Promise.all(Array.from({ length: 30 }, ask));
    const ids = new Set(answers.map(({ rows }) => rows[0]?.id));
    expect(ids.size).toBe(1);
    await pool.query(`update jobs set status = 'cancelled', completed_at = now()`);
    expect(ids).not.toContain((await ask()).rows[0]?.id);
  });

  test.each([
    [`select millrace.enqueue('nobody', '{}')`, '23503', /No handler .* "nobody"/],
    [`select millrace.enqueue('send-email', null)`, '22023', /payload/],
    [`select millrace.enqueue('send-email', to_json(repeat('x', 262144)))`, '22023', /256 KB/],
    [`select millrace.enqueue('send-email', '{}', max_retries => 1001)`, '22023', /max_retries/],
    [`select millrace.enqueue('send-email', '{}', priority => 40000)`, '22023', /priority/],
    [`select millrace.enqueue('send-email', '{}', retry => '[]')`, '22023', /object/],
    [`select millrace.enqueue('send-email', '{}', retry => '{"base":1}')`, '22023', /"base"/],
    [`select millrace.enqueue('send-email', '{}', retry => '{"jitter":"1"}')`, '22023', /"jitter"/],
    [`select millrace.enqueue('send-email', '{}', retry => '{"jitter":1.5}')`, '22023', /jitter.*0 to 1/],
    [`select millrace.enqueue('send-email', '{}', unique_key => '')`, '22023', /unique_key/],
    [
      `select millrace.enqueue('send-email', '{}', unique_key => 'u', idempotency_key => 'i')`,
      '22023',
      /unique_key/,
    ],
    [`select millrace.enqueue('send-email', '{}', idempotency_key => '')`, '22023', /1 to 255/],
  ])('refuses %s', async (statement, code, message) => {
    await expect(pool.query(statement)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(await jobs()).toEqual([]);
  });

  test('ignores what is no trace context', async () => {
    await pool.query(`select millrace.enqueue('send-email', '{}', traceparent => 'nonsense')`);
    expect((await jobs())[0]?.traceparent).toBeNull();
  });

  test('works for a role that has only the documented grants, whatever its search_path and own tables', async () => {
    await inTransaction(admin, 'rollback', async (client) => {
      await client.query(`
        create role enqueue_only;
        grant usage on schema millrace to enqueue_only;
        grant select on job_types, millrace_settings to enqueue_only;
        grant select, insert on jobs to enqueue_only;
        grant insert on dispatch_outbox to enqueue_only;
        create schema own authorization enqueue_only;
        set local role enqueue_only;
        create table own.jobs (id integer);
        set local search_path = own;
      `);
      await client.query(`select millrace.enqueue('send-email', '{}', idempotency_key => 'k')`);
      await client.query(`select millrace.enqueue('send-email', '{}', idempotency_key => 'k')`);
      const { rows } = await client.query('select count(*)::integer as count from public.jobs');
      expect(rows).toEqual([{ count: 1 }]);
      await client.query('reset role');
    });
  });
});

/** The superuser's address, in the database of the other one. */
function withDatabaseOf(dsn: string, adminDsn: string): string {
  const url = new URL(adminDsn);
  url.pathname = new URL(dsn).pathname;
  return url.href;
}

async function inTransaction(
  from: Pool,
  end: 'commit' | 'rollback',
  work: (client: Pick<Client, 'query'>) => Promise<unknown>,
) {
  const client = await from.connect();
  try {
    await client.query('begin');
    await work(client);
  } finally {
    await client.query(end);
    client.release();
  }
}
