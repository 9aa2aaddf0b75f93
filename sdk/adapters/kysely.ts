import type { Transaction } from '../enqueue.ts';

/** What is used of a Kysely transaction; the library itself is not imported. */
export interface KyselyTransaction {
  executeQuery(query: RawQuery): Promise<{ readonly rows: readonly unknown[] }>;
}

interface RawQuery {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly query: { readonly kind: 'RawNode'; readonly sqlFragments: string[]; readonly parameters: [] };
  readonly queryId: { readonly queryId: string };
}

let queries = 0;

/** `await db.transaction().execute((trx) => enqueue(fromKysely(trx), job))` */
export function fromKysely(trx: KyselyTransaction): Transaction {
  return {
    query: (sql, parameters) => {
      queries += 1;
      // What CompiledQuery.raw makes.
      return trx.executeQuery({
        sql,
        parameters,
        query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
        queryId: { queryId: `millrace-${queries}` },
      });
    },
  };
}
