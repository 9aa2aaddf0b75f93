import { type ClientBase, escapeLiteral, type Pool } from 'pg';
import type { Lsn } from '../events/ids.ts';
import type { PublishLane } from './publish-lane.ts';
import type { NewSlot } from './slot.ts';
import { type OutboxRecord, toOutboxRow } from './sql/read-outbox.ts';
import { placeAt } from './stragglers.ts';

/** Of one fetch; rows are counted from the size of those before. */
const FETCH_BYTES = 4 * 1024 * 1024;
const FIRST_FETCH_ROWS = 16;
const MAX_FETCH_ROWS = 2_000;

export interface RebuildDeps {
  readonly pool: Pool;
  readonly lane: Pick<PublishLane, 'publish'>;
  readonly signal: AbortSignal;
}

/**
 * Publishes every row that was committed before a new slot begins, in id order. The slot's own snapshot says which those
 * are: the rows in it and the rows that will come through the slot are all there are, and none is in both.
 * @returns how many messages were published
 */
export async function publishSnapshot(deps: RebuildDeps, slot: NewSlot): Promise<number> {
  const client = await deps.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query('set local idle_in_transaction_session_timeout = 0');
    await client.query(`set transaction snapshot ${escapeLiteral(slot.snapshot)}`);
    await client.query(`
      declare snapshot_rows no scroll cursor for
      select id::text as id, topic, message_count, messages
      from dispatch_outbox
      order by dispatch_outbox.id
    `);
    const published = await publishFetched(deps, client, slot.start);
    await client.query('commit');
    return published;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}

async function publishFetched(deps: RebuildDeps, client: ClientBase, start: Lsn): Promise<number> {
  let published = 0;
  let rowsAtOnce = FIRST_FETCH_ROWS;
  for (;;) {
    deps.signal.throwIfAborted();
    const { rows } = await client.query<OutboxRecord>(`fetch ${rowsAtOnce} from snapshot_rows`);
    if (rows.length === 0) return published;
    await deps.lane.publish(placeAt(rows.map(toOutboxRow), start));
    published += rows.reduce((sum, row) => sum + row.message_count, 0);
    const bytes = rows.reduce((sum, row) => sum + row.messages.length, 0);
    rowsAtOnce = Math.min(MAX_FETCH_ROWS, Math.max(1, Math.floor((FETCH_BYTES * rows.length) / (bytes + 1))));
  }
}
