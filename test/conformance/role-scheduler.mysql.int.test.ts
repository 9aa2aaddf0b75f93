import { afterAll, beforeAll, describe, it } from 'vitest';
import { readMysqlConfig } from '../../adapters/mysql/config.ts';
import { migrate } from '../../adapters/mysql/migrate.ts';
import { createPool, type MysqlPool } from '../../adapters/mysql/pool.ts';
import { MysqlRoleScheduler } from '../../adapters/mysql/role-scheduler.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { startMariadb } from '../../cli/dev/backends/mariadb.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { roleSchedulerSuite } from '../../sdk/testing/conformance/role-scheduler.suite.ts';
import { describeWithServer } from '../helpers/own-server.ts';

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

    roleSchedulerSuite('MySQL', {
      describe,
      it,
      open: async () => ({
        schedulers: [scheduler(), scheduler()],
        within: 20_000,
        lose: async (role) => {
          await pool.execute('update millrace_roles set held_until = utc_timestamp(3) where role = :role', {
            role,
          });
        },
      }),
    });
  },
);
