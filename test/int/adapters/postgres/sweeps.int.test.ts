import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { selectUnclaimedJobs, selectUndispatchedJobs } from '../../../../adapters/postgres/sql/read.ts';
import type { StepId } from '../../../../events/ids.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
  await database.pool().query(`
    insert into jobs (id, type, status, payload, max_retries, dispatches, queued_at, completed_at)
    select gen_random_uuid(), 'noop', case when n <= 40000 then 'completed' else 'queued' end, '{}', 3, 1, now(),
      case when n <= 40000 then now() end
    from generate_series(1, 50000) as n
  `);
  await database.pool().query('vacuum analyze jobs');
});

afterAll(() => database.drop());

/** Entries of the primary key that were read for it. */
async function primaryKeyReads(look: (client: pg.PoolClient) => Promise<unknown>): Promise<number> {
  const client = await database.pool().connect();
  const reads = async () => {
    await client.query('select pg_stat_force_next_flush()');
    const { rows } = await client.query<{ n: number }>(
      `select idx_tup_read::integer as n from pg_stat_user_indexes where indexrelname = 'jobs_pkey'`,
    );
    return rows[0]?.n ?? Number.NaN;
  };
  try {
    const before = await reads();
    await look(client);
    return (await reads()) - before;
  } finally {
    client.release();
  }
}

test('the sweep for lost dispatches reads what is queued, not what has ended, when nothing is lost', async () => {
  const lost = { olderThanMs: 60_000, limit: 500, backlogsMs: new Map([['noop' as StepId, 60_000]]) };
  expect(await primaryKeyReads((client) => selectUnclaimedJobs(client, lost))).toBeLessThan(1_000);
});

test('so does that for jobs without a message', async () => {
  expect(await primaryKeyReads((client) => selectUndispatchedJobs(client, 500))).toBeLessThan(1_000);
});
