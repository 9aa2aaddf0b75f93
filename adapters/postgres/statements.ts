import type { ClientBase, Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type { Database } from './sql/database.ts';

/** As long a plan is kept, in milliseconds. */
const PLANS_KEPT_MS = 1_000;
/** A connection's own, whoever asks: its plans do not know whose they are. */
const discardedAt = new WeakMap<ClientBase, number>();

/** Statements on connections of the pool, each on whichever is free; `prepare`: those with a name by that name. */
export function statementsOf(pool: Pool, prepare: boolean): Database {
  return {
    query: (text, values = [], name) =>
      prepare && name
        ? onConnection(pool, (client) => queryPrepared(client, { name, text, values }))
        : pool.query({ text, values }),
  };
}

/** Statements on this connection; `prepare`: those with a name by that name. */
export function statementsOn(client: PoolClient, prepare: boolean): Database {
  return {
    query: (text, values = [], name) =>
      prepare && name ? queryPrepared(client, { name, text, values }) : client.query({ text, values }),
  };
}

/** After a failure the connection, which may have an open or unknown transaction, is closed, not given back. */
export async function onConnection<T>(pool: Pool, run: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    return await run(client);
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}

/**
 * Runs a statement that is prepared once on each connection, with a plan that is young.
 *
 * To plan a claim or a poll takes longer than to run it, so that their plans are worth keeping. But one that was made while
 * `jobs` was empty is a scan of the whole table, and PostgreSQL keeps that, however the table grows, until the next analyze:
 * at 20,000 jobs a second it would be a scan of a million rows by then. So all plans of a connection are made anew every second.
 */
export async function queryPrepared<Row extends QueryResultRow>(
  client: ClientBase,
  statement: QueryConfig & { readonly name: string },
  now: number = performance.now(),
): Promise<QueryResult<Row>> {
  const since = discardedAt.get(client);
  const isOld = since !== undefined && now - since >= PLANS_KEPT_MS;
  if (since === undefined || isOld) discardedAt.set(client, now);
  if (isOld) await client.query('discard plans');
  return client.query<Row>(statement);
}
