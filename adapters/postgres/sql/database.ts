import type { QueryResultRow } from 'pg';

/** What the statements of this folder need of a pool or of a client within a transaction. */
export interface Database {
  /**
   * `name` is for statements that run all the time: prepared once on each connection, where that is switched on. Only for
   * those whose plan cannot depend on a table's size: claim, complete and heartbeat, prepared while `jobs` was empty, were
   * planned with a sequential scan of it, and would keep that until the next analyze.
   */
  query<Row extends QueryResultRow>(
    text: string,
    values?: unknown[],
    name?: string,
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
}
