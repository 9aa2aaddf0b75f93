import type { Database } from './database.ts';

export interface Backlog {
  readonly rows: number;
  /** Jobs in them: a row may be a pack of many. */
  readonly messages: number;
  /** Seconds since the oldest row was written; null without rows. */
  readonly oldestSeconds: number | null;
}

/** What waits to be published. */
export async function measureBacklog(db: Database): Promise<Backlog> {
  const { rows } = await db.query<{ rows: number; messages: number; oldest: number | null }>(
    `
    select
      count(*)::double precision as rows,
      coalesce(sum(message_count), 0)::double precision as messages,
      extract(epoch from clock_timestamp() - min(created_at))::double precision as oldest
    from dispatch_outbox
    `,
  );
  const [row] = rows;
  return { rows: row?.rows ?? 0, messages: row?.messages ?? 0, oldestSeconds: row?.oldest ?? null };
}

/** About how many messages wait in the log; 0 while the outbox is the table. */
export async function measureLoggedBacklog(db: Database): Promise<number> {
  const { rows } = await db.query<{ messages: number }>(
    'select millrace.logged_backlog()::double precision as messages',
  );
  return rows[0]?.messages ?? 0;
}

export async function logPosition(db: Database): Promise<string> {
  const { rows } = await db.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  return rows[0]?.lsn ?? '0/0';
}

/** Bytes of the log up to the position that a relay's slot has not confirmed; at least 1 while one has no slot. */
export async function measureUnreadLog(db: Database, position: string): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>(
    `
    select coalesce(
      max(coalesce(greatest(pg_wal_lsn_diff($1::pg_lsn, slots.confirmed_flush_lsn), 0), 1)), 1
    )::double precision as bytes
    from relay_state
    left join pg_replication_slots as slots on slots.slot_name = relay_state.slot_name
    `,
    [position],
  );
  return rows[0]?.bytes ?? 1;
}
