import type { Pool, PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { onConnection } from './transaction.ts';

/** As long a plan is kept, in milliseconds. */
const KEPT_MS = 1_000;

/**
 * Runs statements that are prepared once on each connection, with plans that are young.
 *
 * To plan a claim or a poll takes longer than to run it, so that their plans are worth keeping. But one that was made while
 * `jobs` was empty is a scan of the whole table, and PostgreSQL keeps that, however the table grows, until the next analyze:
 * at 20,000 jobs a second it would be a scan of a million rows by then. So all plans of a connection are made anew every second.
 */
export class YoungPlans {
  readonly #pool: Pool;
  readonly #now: () => number;
  readonly #since = new WeakMap<PoolClient, number>();

  constructor(pool: Pool, now: () => number = () => performance.now()) {
    this.#pool = pool;
    this.#now = now;
  }

  query<Row extends QueryResultRow>(
    statement: QueryConfig & { readonly name: string },
  ): Promise<QueryResult<Row>> {
    return onConnection(this.#pool, async (client) => {
      if (this.#areOld(client)) await client.query('discard plans');
      return client.query<Row>(statement);
    });
  }

  #areOld(client: PoolClient): boolean {
    const now = this.#now();
    const since = this.#since.get(client);
    if (since !== undefined && now - since < KEPT_MS) return false;
    this.#since.set(client, now);
    return since !== undefined;
  }
}
