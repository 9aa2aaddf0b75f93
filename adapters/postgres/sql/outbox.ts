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
