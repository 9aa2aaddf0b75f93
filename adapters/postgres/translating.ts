import type { QueryResultRow } from 'pg';
import { translate } from './errors.ts';
import type { Database } from './sql/database.ts';

/** The same database, whose statements fail as the failure they mean: {@link translate}. */
export function translating(db: Database): Database {
  return {
    query: <Row extends QueryResultRow>(text: string, values?: unknown[], name?: string) =>
      db.query<Row>(text, values, name).catch((error: unknown) => {
        throw translate(error);
      }),
  };
}
