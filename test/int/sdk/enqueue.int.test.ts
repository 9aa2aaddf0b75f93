import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { writeDispatchMode } from '../../../adapters/postgres/settings.ts';
import type { StepId } from '../../../events/ids.ts';
import {
  type EnqueueRequest,
  enqueue,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPrisma,
  type Transaction,
} from '../../../sdk/index.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';

/** Runs the work in a transaction of the library, which rolls back when the work throws. */
type InTransaction = (work: (tx: Transaction) => Promise<unknown>) => Promise<unknown>;

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createDatabase();
  pool = database.pool();
  await createPostgresRecordStore(pool).registerTypes(['send-email' as StepId]);
  await writeDispatchMode(pool, 'kafka_outbox');
});
beforeEach(() => pool.query('truncate jobs, dispatch_outbox'));
afterAll(() => database?.drop());

const withPg: InTransaction = async (work) => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await work(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
};

const withKysely: InTransaction = async (work) => {
  const db = new Kysely({ dialect: new PostgresDialect({ pool: ownPool() }) });
  await using _ = { [Symbol.asyncDispose]: () => db.destroy() };
  await db.transaction().execute((trx) => work(fromKysely(trx)));
};

const withDrizzle: InTransaction = async (work) => {
  const own = ownPool();
  await using _ = { [Symbol.asyncDispose]: () => own.end() };
  await drizzle({ client: own }).transaction((tx) => work(fromDrizzle(tx, sql)));
};

const withKnex: InTransaction = async (work) => {
  const db = knex({ client: 'pg', connection: database.dsn });
  await using _ = { [Symbol.asyncDispose]: () => db.destroy() };
  await db.transaction((trx) => work(fromKnex(trx)));
};

/** Prisma's client is generated from a schema; this has the one method of it that is used, over pg. */
const withPrismaShape: InTransaction = (work) =>
  withPg((tx) => {
    const $queryRawUnsafe = async (text: string, ...values: unknown[]) => (await tx.query(text, values)).rows;
    return work(fromPrisma({ $queryRawUnsafe }));
  });

function ownPool(): pg.Pool {
  return new pg.Pool({ connectionString: database.dsn, max: 1 });
}

const JOB: EnqueueRequest = {
  type: 'send-email',
  payload: { to: 'ada@example.org', text: "it's ? $1 ü" },
  maxRetries: 7,
  idempotencyKey: 'k',
  runAt: new Date('2020-01-02T03:04:05.678Z'),
  priority: -2,
  partitionKey: 'p',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
};

const libraries = {
  pg: withPg,
  Kysely: withKysely,
  Drizzle: withDrizzle,
  Knex: withKnex,
  Prisma: withPrismaShape,
};

describe.each(Object.entries(libraries))('enqueue in a transaction of %s', (_, inTransaction) => {
  test('writes the job with its row when the transaction commits', async () => {
    let id: string | undefined;
    await inTransaction(async (tx) => {
      id = await enqueue(tx, JOB);
      expect(await written()).toEqual([]);
    });
    const [job] = await written();
    expect(job).toMatchObject({
      id,
      payload: JOB.payload,
      max_retries: 7,
      idempotency_key: 'k',
      run_at: JOB.runAt,
      priority: -2,
      partition_key: 'p',
      traceparent: JOB.traceparent,
    });
    expect((await pool.query('select message_count from dispatch_outbox')).rows).toEqual([
      { message_count: 1 },
    ]);
  });

  test('leaves nothing when the transaction rolls back', async () => {
    const failing = inTransaction(async (tx) => {
      await enqueue(tx, { type: 'send-email' });
      throw new Error('the business row was refused');
    });
    await expect(failing).rejects.toThrow('the business row was refused');
    expect(await written()).toEqual([]);
  });

  test('names what the database refuses, with the fix', async () => {
    await expect(inTransaction((tx) => enqueue(tx, { type: 'nobody' }))).rejects.toMatchObject({
      code: 'unknown_job_type',
      message: expect.stringMatching(/No handler .*"nobody".*Known types: send-email/s),
    });
    await inTransaction((tx) => enqueue(tx, JOB));
    await expect(inTransaction((tx) => enqueue(tx, { ...JOB, priority: 1 }))).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
  });
});

test('a database without the function is told to be migrated', async () => {
  await using empty = await createDatabase({ migrate: false });
  await expect(enqueue(empty.pool(), { type: 'send-email' })).rejects.toMatchObject({
    code: 'migration_missing',
    message: expect.stringContaining('millrace migrate up'),
  });
});

async function written(): Promise<Record<string, unknown>[]> {
  return (await pool.query('select * from jobs')).rows;
}
