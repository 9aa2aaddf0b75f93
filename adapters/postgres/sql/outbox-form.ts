import type { ClientBase } from 'pg';
import type { Database } from './database.ts';

/** Rows of a table, or logical messages in the write-ahead log alone. */
export const outboxForms = ['table', 'message'] as const;
export type OutboxForm = (typeof outboxForms)[number];

/** What is written now. Said by the trigger alone, so that it cannot be said in two ways. */
export async function readOutboxForm(db: Database): Promise<OutboxForm> {
  const { rows } = await db.query<{ enabled: boolean }>(`
    select exists (
      select
      from pg_trigger
      where tgrelid = 'dispatch_outbox'::regclass and tgname = 'dispatch_outbox_as_message' and tgenabled <> 'D'
    ) as enabled
  `);
  return rows[0]?.enabled ? 'message' : 'table';
}

/** Waits for whoever writes to the outbox, a second at most. */
export async function changeOutboxForm(client: ClientBase, form: OutboxForm): Promise<void> {
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = '1s'`);
    const verb = form === 'message' ? 'enable' : 'disable';
    await client.query(`alter table dispatch_outbox ${verb} trigger dispatch_outbox_as_message`);
    // What it says is of the last time that messages were written.
    await client.query('update relay_state set dispatched_number = null where dispatched_number is not null');
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
