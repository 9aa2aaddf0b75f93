import { afterAll, beforeAll, describe, it } from 'vitest';
import { readMysqlConfig } from '../../adapters/mysql/config.ts';
import { migrate } from '../../adapters/mysql/migrate.ts';
import { createPool, type MysqlPool } from '../../adapters/mysql/pool.ts';
import { createMysqlRecordStore } from '../../adapters/mysql/workflow-record-store.ts';
import { startMariadb } from '../../cli/dev/backends/mariadb.ts';
import { recordStoreSuite } from '../../sdk/testing/conformance/workflow-record-store.suite.ts';
import { describeWithServer } from '../helpers/own-server.ts';

await describeWithServer(
  'MariaDB',
  (dir) => startMariadb({ dir }),
  (server) => {
    let pools: readonly [MysqlPool, MysqlPool];

    beforeAll(async () => {
      const config = readMysqlConfig({ WE_MYSQL_DSN: server().url });
      await migrate(config);
      pools = [createPool(config), createPool(config)];
    });

    afterAll(() => Promise.all(pools.map((pool) => pool.end())));

    recordStoreSuite('MySQL', {
      describe,
      it,
      open: async () => {
        const [one, other] = pools;
        return {
          stores: [createMysqlRecordStore(one), createMysqlRecordStore(other)],
          restart: async () => {
            await server().kill();
            await server().restart();
          },
        };
      },
    });
  },
);
