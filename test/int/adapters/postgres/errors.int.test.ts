import pg from 'pg';
import { expect, test } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
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

async function asOwner(dsn: string, statement: string): Promise<void> {
  const other = new URL(dsn);
  other.pathname = '/postgres';
  const client = new pg.Client({ connectionString: other.href });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
