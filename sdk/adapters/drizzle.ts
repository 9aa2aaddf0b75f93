import type { Transaction } from '../enqueue.ts';

/** What is used of a Drizzle transaction; the library itself is not imported. */
export interface DrizzleTransaction<Sql> {
  execute(query: Sql): PromiseLike<unknown>;
}

type SqlTag<Sql> = (strings: TemplateStringsArray, ...values: unknown[]) => Sql;

/** `await db.transaction((tx) => enqueue(fromDrizzle(tx, sql), job))`, with `sql` from `drizzle-orm`. */
export function fromDrizzle<Sql>(tx: DrizzleTransaction<Sql>, sql: SqlTag<Sql>): Transaction {
  return {
    query: async (text, values) => {
      const parts = text.split(/\$\d+/);
      const result = await tx.execute(sql(Object.assign(parts, { raw: parts }), ...values));
      return { rows: rowsOf(result) };
    },
  };
}

/** node-postgres gives an object with rows, postgres.js the rows themselves. */
function rowsOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result;
  const rows = typeof result === 'object' && result !== null && 'rows' in result ? result.rows : [];
  return Array.isArray(rows) ? rows : [];
}
