import type { QueryResultRow } from 'pg';
import type { Database } from '../../adapters/postgres/sql/database.ts';
import type { Lsn, Topic } from '../../events/ids.ts';
import { parseLsn } from '../lsn.ts';
import type { Shard } from '../shards.ts';
import type { OutboxRow } from '../wal-session.ts';

export interface OutboxRecord extends QueryResultRow {
  readonly id: string;
  readonly topic: string;
  readonly message_count: number;
  readonly messages: Buffer;
}

export function toOutboxRow(record: OutboxRecord): OutboxRow {
  return {
    id: BigInt(record.id),
    topic: record.topic as Topic,
    messageCount: record.message_count,
    messages: record.messages,
  };
}

/** The oldest rows of the shard that are committed now, by id. */
export async function oldestIds(db: Database, { index, of }: Shard, limit: number): Promise<bigint[]> {
  const { rows } = await db.query<{ id: string }>(
    `
    select id::text as id
    from dispatch_outbox
    where shard_key % $1::integer = $2::integer
    order by dispatch_outbox.id
    limit $3::integer
    `,
    [of, index, limit],
  );
  return rows.map(({ id }) => BigInt(id));
}

/** Where the log's writing stands: whatever any session could see before lies before it. */
export async function writePosition(db: Database): Promise<Lsn> {
  const { rows } = await db.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  return parseLsn(rows[0]?.lsn ?? '');
}

/** Those of the rows that are still there. */
export async function readRows(db: Database, ids: readonly bigint[]): Promise<OutboxRow[]> {
  const { rows } = await db.query<OutboxRecord>(
    `
    select id::text as id, topic, message_count, messages
    from dispatch_outbox
    where id = any($1::bigint[])
    order by dispatch_outbox.id
    `,
    [ids.map(String)],
  );
  return rows.map(toOutboxRow);
}

export async function remainingIds(db: Database, ids: readonly bigint[]): Promise<bigint[]> {
  const { rows } = await db.query<{ id: string }>(
    'select id::text as id from dispatch_outbox where id = any($1::bigint[]) order by dispatch_outbox.id',
    [ids.map(String)],
  );
  return rows.map(({ id }) => BigInt(id));
}
