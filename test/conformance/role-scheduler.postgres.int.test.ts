import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresRoleScheduler } from '../../adapters/postgres/role-scheduler.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { roleSchedulerSuite } from '../../sdk/testing/conformance/role-scheduler.suite.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { waitFor } from '../helpers/wait-for.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(() => database.drop());

function scheduler(): PostgresRoleScheduler {
  return new PostgresRoleScheduler({
    dsn: database.dsn,
    clock: systemClock,
    logger: silentLogger,
    intervalMs: 50,
  });
}

roleSchedulerSuite('PostgreSQL', {
  describe,
  it,
  open: async () => ({
    schedulers: [scheduler(), scheduler()],
    within: 3_000,
    lose: async (role) => {
      await database.pool().query(
        `select pg_terminate_backend(a.pid) from pg_stat_activity a
       join pg_locks l on l.pid = a.pid and l.locktype = 'advisory' and l.granted
       where a.application_name = left($1, 63) and a.datname = current_database()`,
        [`millrace role ${role}`],
      );
    },
    async [Symbol.asyncDispose]() {
      await waitFor(
        async () => {
          const { rowCount } = await database
            .pool()
            .query(
              `select from pg_stat_activity where application_name like 'millrace role %' and datname = current_database()`,
            );
          return rowCount === 0;
        },
        { within: 5_000, what: 'the connections of the roles to be closed' },
      );
    },
  }),
});

it('the term of a holder stands in the database, for what it writes to be fenced by', async () => {
  const lease = await scheduler().acquire('written', AbortSignal.timeout(5_000));
  const { rows } = await database.pool().query(`select term from role_terms where role = 'written'`);
  expect(rows).toEqual([{ term: String(lease?.term) }]);
  await lease?.release();
});

it('a database that is away is asked again until the signal aborts', async () => {
  const away = new PostgresRoleScheduler({
    dsn: 'postgres://nobody@127.0.0.1:1/none',
    clock: systemClock,
    logger: silentLogger,
    intervalMs: 10,
  });
  expect(await away.acquire('any', AbortSignal.timeout(300))).toBeUndefined();
});
