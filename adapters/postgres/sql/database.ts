import type { QueryResultRow } from 'pg';

/** What the statements of this folder need of a pool or of a client within a transaction. */
export interface Database {
  /**
   * `name` is for statements that run all the time: prepared once on each connection, where that is switched on. Such a one
   * names the columns it gives: prepared with `*`, it would fail once a migration has added another.
   */
  query<Row extends QueryResultRow>(
    text: string,
    values?: unknown[],
    name?: string,
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
}
