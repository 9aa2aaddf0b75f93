import { afterAll, beforeAll } from 'vitest';
import { readMysqlConfig } from '../../adapters/mysql/config.ts';
import { migrate } from '../../adapters/mysql/migrate.ts';
import { createPool, type MysqlPool } from '../../adapters/mysql/pool.ts';
import { MysqlRoleScheduler } from '../../adapters/mysql/role-scheduler.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { startMariadb } from '../../cli/dev/backends/mariadb.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { describeWithServer } from '../helpers/own-server.ts';
import { testRoleScheduler } from './role-scheduler.suite.ts';

await describeWithServer(
  'MariaDB',
  (dir) => startMariadb({ dir }),
  (server) => {
    let pool: MysqlPool;

    beforeAll(async () => {
      const config = readMysqlConfig({ WE_MYSQL_DSN: server().url });
      await migrate(config);
      pool = createPool(config);
    });

    afterAll(() => pool.end());

    const scheduler = () =>
      new MysqlRoleScheduler({
        pool,
        clock: systemClock,
        logger: silentLogger,
        ttlMs: 3_000,
        intervalMs: 50,
      });

    testRoleScheduler('MySQL', async () => ({
      schedulers: [scheduler(), scheduler()],
      within: 20_000,
      lose: async (role) => {
        await pool.execute('update millrace_roles set held_until = utc_timestamp(3) where role = :role', {
          role,
        });
      },
      async [Symbol.asyncDispose]() {
        // Each check has roles of its own.
      },
    }));
  },
);
