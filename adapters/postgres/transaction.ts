import type { Pool } from 'pg';
import { MillraceError } from '../../engine/errors.ts';
import { codeOf, translate } from './errors.ts';
import type { Database } from './sql/database.ts';
import { becomeTenant } from './sql/tenant.ts';
import { onConnection, statementsOn } from './statements.ts';

/** Where statements go. */
export interface Source {
  readonly pool: Pool;
  /** For whom they are: they see and write rows of this tenant alone, by the database's own rules. Undefined: they see all. */
  readonly tenant?: string | undefined;
  /** Whether statements with a name are prepared by it. */
  readonly prepare?: boolean | undefined;
}

type Run<T> = (db: Database) => Promise<{ readonly commit: boolean; readonly value: T }>;

/** Runs the statements in one transaction, which ends as the answer says; a failure leaves nothing of it. */
export async function inTransaction<T>(source: Source, run: Run<T>): Promise<T> {
  try {
    return await transact(source, run);
  } catch (error) {
    throw translate(error);
  }
}

/** {@link inTransaction}, with the failures as they come. */
export function transact<T>({ pool, tenant, prepare = false }: Source, run: Run<T>): Promise<T> {
  return onConnection(pool, async (client) => {
    const db = statementsOn(client, prepare);
    await client.query('begin');
    if (tenant !== undefined) await enter(db, tenant);
    const { commit, value } = await run(db);
    await client.query(commit ? 'commit' : 'rollback');
    return value;
  });
}

async function enter(db: Database, tenant: string): Promise<void> {
  try {
    if (!(await becomeTenant(db, tenant))) throw notKeptApart('it has no policies for them');
  } catch (error) {
    throw CANNOT_TAKE_ROLE.has(codeOf(error) ?? '') ? notKeptApart(String(error), error) : error;
  }
}

/** There is no such role, or it is not for this one. */
const CANNOT_TAKE_ROLE = new Set(['22023', '42501', '42704']);

function notKeptApart(reason: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'configuration',
    `The database does not keep tenants apart: ${reason}. Run, as the owner of its tables: ` +
      'millrace tenants enable --app-role <the role that the API logs in with>. Nothing was written.',
    { cause },
  );
}
