import type { Pool } from 'pg';
import type { Term } from '../events/ids.ts';
import type { PublishedRow } from './published.ts';
import { clearOutbox } from './sql/clear-outbox.ts';
import { recordDispatches } from './sql/record-dispatches.ts';

/** Deletes what is in the table, and writes of all that it was dispatched. @returns rows of the table that were not there */
export async function clearPublished(
  pool: Pool,
  rows: readonly PublishedRow[],
  term: Term,
): Promise<readonly bigint[]> {
  const stored = rows.filter(({ hint }) => !hint);
  const missing = stored.length > 0 ? await clearOutbox(pool, stored, term) : [];
  if (stored.length === rows.length) return missing;
  const hints = rows.filter(({ hint }) => hint);
  await recordDispatches(pool, hints, term);
  return missing;
}
