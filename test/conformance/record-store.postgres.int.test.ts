import { afterAll, beforeAll } from 'vitest';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { decodePack } from '../../events/pack.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { type StoreUnderTest, testRecordStore } from './record-store.suite.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ dsn: database.dsn, poolSize: 8 }, silentLogger);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

testRecordStore('PostgreSQL', async (): Promise<StoreUnderTest> => {
  await pool.query(
    'truncate workflow_definitions, workflow_messages, jobs, workflow_instances, audit_log, dispatch_outbox, undecodable_records, job_types, schedules, rate_starts restart identity cascade',
  );
  return {
    store: createPostgresRecordStore(pool),
    async outbox() {
      const { rows } = await pool.query<{ topic: string; message_count: number; messages: Buffer }>(
        'select topic, message_count, messages from dispatch_outbox order by id',
      );
      return rows.flatMap(({ topic, message_count, messages }) =>
        decodePack(messages, message_count).map(({ jobId }) => ({ topic, jobId })),
      );
    },
    async [Symbol.asyncDispose]() {
      // The next check empties the tables before it begins.
    },
  };
});
