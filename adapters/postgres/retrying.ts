import type { Pool } from 'pg';
import { codeOf, translate } from './errors.ts';
import type { Database } from './sql/database.ts';
import { transact } from './transaction.ts';

/** SQLSTATEs after which the same statement can simply be run again: it changed nothing. */
const CONFLICTS = new Set(['40001', '40P01']);
const MAX_TRIES = 5;

/** A database whose statements are tried again after a deadlock or a serialization failure, and fail by meaning. */
export function retrying(pool: Pool, prepare: boolean): Database {
  return {
    query: (text, values = [], name) =>
      retried(() => pool.query(prepare && name ? { name, text, values } : { text, values })),
  };
}

/** Likewise, with each statement held to the rows of one tenant, in a transaction of its own. */
export function tenantDatabase(pool: Pool, tenant: string): Database {
  return {
    query: (text, values) =>
      retried(() =>
        transact({ pool, tenant }, async (db) => ({ commit: true, value: await db.query(text, values) })),
      ),
  };
}

async function retried<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (!CONFLICTS.has(codeOf(error) ?? '') || tries === MAX_TRIES) throw translate(error);
    }
  }
}
