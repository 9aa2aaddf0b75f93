import type { Pool } from 'pg';
import { retried } from '../retried.ts';
import { codeOf, translate } from './errors.ts';
import type { Database } from './sql/database.ts';
import { transact } from './transaction.ts';
import { YoungPlans } from './young-plans.ts';

/** SQLSTATEs after which the same statement can simply be run again: it changed nothing. */
const CONFLICTS = new Set(['40001', '40P01']);
const CONFLICT = { tries: 5, passes: (error: unknown) => CONFLICTS.has(codeOf(error) ?? '') };

/** A database whose statements are tried again after a deadlock or a serialization failure, and fail by meaning. */
export function retrying(pool: Pool, prepare: boolean): Database {
  const prepared = new YoungPlans(pool);
  return {
    query: (text, values = [], name) =>
      untilApart(() =>
        prepare && name ? prepared.query({ name, text, values }) : pool.query({ text, values }),
      ),
  };
}

/** Likewise, with each statement held to the rows of one tenant, in a transaction of its own. */
export function tenantDatabase(pool: Pool, tenant: string): Database {
  return {
    query: (text, values) =>
      untilApart(() =>
        transact({ pool, tenant }, async (db) => ({ commit: true, value: await db.query(text, values) })),
      ),
  };
}

async function untilApart<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await retried(run, CONFLICT);
  } catch (error) {
    throw translate(error);
  }
}
