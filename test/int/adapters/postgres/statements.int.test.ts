import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import type { Database } from '../../../../adapters/postgres/sql/database.ts';
import { extendLeases } from '../../../../adapters/postgres/sql/heartbeat.ts';
import { onConnection, queryPrepared } from '../../../../adapters/postgres/statements.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import type { ClaimToken, JobId } from '../../../../events/ids.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';

const JOBS = 20_000;

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ dsn: database.dsn, poolSize: 1 }, silentLogger);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('a plan that scans a table that was empty is made anew once it is a second old, though nobody analyzed the table', async () => {
  await pool.query('alter table jobs set (autovacuum_enabled = false)');
  const clock = { now: 0 };
  const db: Database = {
    query: (text, values = [], name = '') =>
      onConnection(pool, (client) => queryPrepared(client, { name, text, values }, clock.now)),
  };
  const extend = () =>
    extendLeases(db, [{ id: randomUUID() as JobId, token: randomUUID() as ClaimToken }], 1_000);
  // PostgreSQL keeps a plan from the sixth time on.
  for (let times = 0; times < 6; times += 1) await extend();
  await pool.query(
    `
    insert into jobs (id, type, status, payload, priority, max_retries, queued_at)
    select gen_random_uuid(), 'work', 'queued', '{}', 0, 3, now() from generate_series(1, $1::integer)
    `,
    [JOBS],
  );

  clock.now = 999;
  expect(await scannedBy(extend), 'the hazard itself').toBe(JOBS);
  clock.now = 1_000;
  expect(await scannedBy(extend)).toBe(0);
  expect(await scannedBy(extend)).toBe(0);
});

/** Rows of `jobs` that were read by scans of the whole table, meanwhile. */
async function scannedBy(action: () => Promise<unknown>): Promise<number> {
  const before = await scanned();
  await action();
  return (await scanned()) - before;
}

/** The pool has one connection: it is that one's own figures that are flushed. */
async function scanned(): Promise<number> {
  await pool.query('select pg_stat_force_next_flush()');
  const { rows } = await pool.query<{ rows: string }>(
    `select seq_tup_read as rows from pg_stat_user_tables where relname = 'jobs'`,
  );
  return Number(rows[0]?.rows);
}
