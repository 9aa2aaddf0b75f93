import type { OutboxQuery } from '../../../engine/ports/workflow-record-store.ts';
import type { OutboxRow } from '../../workflow-record-rows.ts';
import type { Database } from './database.ts';

/** Without locks: `for update skip locked` would give another poller the second event of a run before the first. */
export async function selectEvents(db: Database, { workflowName, limit }: OutboxQuery): Promise<OutboxRow[]> {
  const { rows } = await db.query<OutboxRow>(
    `
    select id, workflow_name, foreign_id, run_id, status, run_state, record_version, created_at
    from workflow_outbox
    where $1::text is null or workflow_name = $1::text
    order by id
    limit $2::integer
    `,
    [workflowName ?? null, limit],
  );
  return rows;
}

export async function deleteEvents(db: Database, ids: readonly string[]): Promise<number> {
  const { rowCount } = await db.query('delete from workflow_outbox where id = any($1::bigint[])', [ids]);
  return rowCount ?? 0;
}
