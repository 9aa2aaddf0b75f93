import type { DispatchMode } from '../../engine/deps.ts';
import { translate } from './errors.ts';
import type { Database } from './sql/database.ts';

/** Tells the database the dispatch mode of the installation, which `millrace.enqueue` goes by (migration 0014). */
export async function writeDispatchMode(db: Database, mode: DispatchMode): Promise<void> {
  try {
    await db.query(
      `
      with changed as (
        update millrace_settings
        set dispatch_mode = $1, updated_at = clock_timestamp()
        where dispatch_mode <> $1
        returning dispatch_mode
      )
      select pg_notify('millrace_mode', '') from changed
      `,
      [mode],
    );
  } catch (error) {
    throw translate(error);
  }
}
