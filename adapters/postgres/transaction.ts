import type { Pool } from 'pg';
import { translate } from './errors.ts';
import type { Database } from './sql/database.ts';

/** Runs the statements in one transaction, which ends as the answer says; a failure leaves nothing of it. */
export async function inTransaction<T>(
  pool: Pool,
  run: (db: Database) => Promise<{ readonly commit: boolean; readonly value: T }>,
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => Promise.reject(translate(error)));
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const { commit, value } = await run({ query: (text, values) => client.query(text, values) });
    await client.query(commit ? 'commit' : 'rollback');
    return value;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw translate(error);
  } finally {
    // A connection with an open or unknown transaction is closed, not given back.
    client.release(broken);
  }
}
