import type { QueryResultRow } from 'pg';

/** What the statements of this folder need of a pool or of a client within a transaction. */
export interface Database {
  query<Row extends QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
}
