import type { Pool } from 'pg';
import { statementsOf } from '../adapters/postgres/statements.ts';
import type { PublishedRow } from './published.ts';
import { type Clearer, clearOutbox } from './sql/clear-outbox.ts';
import { recordDispatches } from './sql/record-dispatches.ts';

/** Deletes what is in the table, and writes of all that it was dispatched. @returns rows of the table that were not there */
export async function clearPublished(
  pool: Pool,
  rows: readonly PublishedRow[],
  clearer: Clearer,
): Promise<readonly bigint[]> {
  const db = statementsOf(pool, true);
  const stored = rows.filter(({ hint }) => !hint);
  const missing = stored.length > 0 ? await clearOutbox(db, stored, clearer) : [];
  if (stored.length === rows.length) return missing;
  const hints = rows.filter(({ hint }) => hint);
  await recordDispatches(db, hints, clearer.term);
  return missing;
}
