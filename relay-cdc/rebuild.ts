import { type ClientBase, escapeLiteral, type Pool } from 'pg';
import type { Lsn } from '../events/ids.ts';
import type { PublishLane } from './publish-lane.ts';
import type { Shard } from './shards.ts';
import type { NewSlot } from './slot.ts';
import { type OutboxRecord, toOutboxRow, writePosition } from './sql/read-outbox.ts';
import { placeAt } from './stragglers.ts';

/** Of one fetch; rows are counted from the size of those before. */
const FETCH_BYTES = 4 * 1024 * 1024;
const FIRST_FETCH_ROWS = 16;
const MAX_FETCH_ROWS = 2_000;

export interface RebuildDeps {
  readonly pool: Pool;
  readonly lane: Pick<PublishLane, 'publish'>;
  readonly shard: Shard;
  readonly signal: AbortSignal;
}

/**
 * Publishes every row of the shard that was committed before a new slot begins, in id order. The slot's own snapshot says
 * which those are: the rows in it and the rows that will come through the slot are all there are, and none is in both.
 * @returns how many messages were published
 */
export async function publishSnapshot(deps: RebuildDeps, slot: NewSlot): Promise<number> {
  return reading(deps.pool, async (client) => {
    await client.query(`set transaction snapshot ${escapeLiteral(slot.snapshot)}`);
    return publishRows(deps, client, slot.start);
  });
}

/** Publishes every row that is there now, in id order. @returns how many messages were published */
export async function publishTable(deps: RebuildDeps): Promise<number> {
  return reading(deps.pool, async (client) => {
    // The first statement fixes what is seen: all of it was committed before a position that is read afterwards.
    await client.query('select');
    return publishRows(deps, client, await writePosition(deps.pool));
  });
}

async function reading<T>(pool: Pool, read: (client: ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query('set local idle_in_transaction_session_timeout = 0');
    const result = await read(client);
    await client.query('commit');
    return result;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    client.release(broken);
  }
}

async function publishRows(deps: RebuildDeps, client: ClientBase, position: Lsn): Promise<number> {
  const { index, of } = deps.shard;
  await client.query(`
    declare snapshot_rows no scroll cursor for
    select id::text as id, topic, message_count, messages
    from dispatch_outbox
    where shard_key % ${of} = ${index}
    order by dispatch_outbox.id
  `);
  return publishFetched(deps, client, position);
}

async function publishFetched(deps: RebuildDeps, client: ClientBase, position: Lsn): Promise<number> {
  let published = 0;
  let rowsAtOnce = FIRST_FETCH_ROWS;
  for (;;) {
    deps.signal.throwIfAborted();
    const { rows } = await client.query<OutboxRecord>(`fetch ${rowsAtOnce} from snapshot_rows`);
    if (rows.length === 0) return published;
    await deps.lane.publish(placeAt(rows.map(toOutboxRow), position));
    published += rows.reduce((sum, row) => sum + row.message_count, 0);
    const bytes = rows.reduce((sum, row) => sum + row.messages.length, 0);
    rowsAtOnce = Math.min(MAX_FETCH_ROWS, Math.max(1, Math.floor((FETCH_BYTES * rows.length) / (bytes + 1))));
  }
}
