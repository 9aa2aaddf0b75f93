import { afterAll, beforeAll, describe, it } from 'vitest';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresWorkflowRecords } from '../../adapters/postgres/workflow-record-store.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { recordStoreSuite } from '../../sdk/testing/conformance/workflow-record-store.suite.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';

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

recordStoreSuite('PostgreSQL', {
  describe,
  it,
  open: async () => {
    const [one, other] = pools;
    return {
      stores: [createPostgresWorkflowRecords(one), createPostgresWorkflowRecords(other)],
    };
  },
});
