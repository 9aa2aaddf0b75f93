import type { Transaction } from '../enqueue.ts';

/** What is used of a Knex transaction on PostgreSQL; the library itself is not imported. */
export interface KnexTransaction {
  raw(sql: string, bindings: (string | number | null)[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

/** `await knex.transaction((trx) => enqueue(fromKnex(trx), job))` */
export function fromKnex(trx: KnexTransaction): Transaction {
  // Knex counts its own placeholders; ours stand in the order of the values.
  return { query: (text, values) => trx.raw(text.replaceAll(/\$\d+/g, '?'), values.map(toBinding)) };
}

function toBinding(value: unknown): string | number | null {
  return typeof value === 'number' || value === null ? value : String(value);
}
