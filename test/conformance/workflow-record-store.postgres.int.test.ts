import { afterAll, beforeAll } from 'vitest';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresWorkflowRecords } from '../../adapters/postgres/workflow-record-store.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { recordStoreSuite } from './workflow-record-store.suite.ts';

let database: TestDatabase;
let pools: readonly [ReturnType<typeof createPool>, ReturnType<typeof createPool>];

beforeAll(async () => {
  database = await createDatabase();
  const config = { dsn: database.dsn, poolSize: 8 };
  pools = [createPool(config, silentLogger), createPool(config, silentLogger)];
});

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

recordStoreSuite('PostgreSQL', async () => {
  const [one, other] = pools;
  return {
    stores: [createPostgresWorkflowRecords(one), createPostgresWorkflowRecords(other)],
    async [Symbol.asyncDispose]() {
      // Each check has a workflow of its own.
    },
  };
});
