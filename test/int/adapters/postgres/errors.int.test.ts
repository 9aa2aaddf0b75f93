import pg from 'pg';
import { expect, test } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import { inTransaction } from '../../../../adapters/postgres/transaction.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { createDatabase } from '../../../helpers/database.ts';

test('a database that lets nobody in for now is away, and nothing was written', async () => {
  await using database = await createDatabase();
  await asOwner(
    database.adminDsn,
    `alter database ${pg.escapeIdentifier(database.name)} allow_connections false`,
  );
  const pool = createPool({ dsn: database.dsn, poolSize: 1 }, silentLogger);
  try {
    await expect(createPostgresRecordStore(pool).counts()).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
      message: expect.stringMatching(/not currently accepting connections.*Nothing was written/),
    });
  } finally {
    await pool.end();
    await asOwner(
      database.adminDsn,
      `alter database ${pg.escapeIdentifier(database.name)} allow_connections true`,
    );
  }
});

test('a transaction whose connection breaks between two statements fails, and ends nothing else', async () => {
  await using database = await createDatabase();
  const pool = createPool({ dsn: database.dsn, poolSize: 1 }, silentLogger);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  pool.once('connect', (client) => client.once('end', resolve));
  try {
    const broken = inTransaction({ pool }, async (db) => {
      const { rows } = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
      await asOwner(database.adminDsn, `select pg_terminate_backend(${rows[0]?.pid}, 10000)`);
      // Nobody waits for an answer when the end of the connection comes.
      await ended;
      await db.query('select');
      return { commit: true, value: undefined };
    });
    await expect(broken).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  } finally {
    await pool.end();
  }
});

async function asOwner(dsn: string, statement: string): Promise<void> {
  const other = new URL(dsn);
  other.pathname = '/postgres';
  const client = new pg.Client({ connectionString: other.href });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
