import type { Pool } from 'pg';
import { retried } from '../retried.ts';
import { codeOf, translate } from './errors.ts';
import type { Database } from './sql/database.ts';
import { statementsOf } from './statements.ts';
import { type Source, transact } from './transaction.ts';

/** SQLSTATEs after which the same statement can simply be run again: it changed nothing. */
const CONFLICTS = new Set(['40001', '40P01']);
const CONFLICT = { tries: 5, passes: (error: unknown) => CONFLICTS.has(codeOf(error) ?? '') };

/** A database whose statements are tried again after a deadlock or a serialization failure, and fail by meaning. */
export function retrying(pool: Pool, prepare: boolean): Database {
  const db = statementsOf(pool, prepare);
  return { query: (text, values, name) => untilApart(() => db.query(text, values, name)) };
}

/** Likewise, with each statement held to the rows of one tenant, in a transaction of its own. */
export function tenantDatabase(source: Source): Database {
  return {
    query: (text, values, name) =>
      untilApart(() =>
        transact(source, async (db) => ({ commit: true, value: await db.query(text, values, name) })),
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
