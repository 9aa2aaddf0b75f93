import type { OutboxQuery } from '../../../engine/ports/workflow-record-store.ts';
import type { OutboxRow } from '../../workflow-record-rows.ts';
import type { Database } from './database.ts';

/** After the record's own statement: its lock makes the numbers of a run's events rise with the versions. */
export async function insertEvent(db: Database, runId: string): Promise<void> {
  await db.execute(
    `
    insert into workflow_outbox (
      workflow_name, foreign_id, run_id, status, run_state, record_version, created_at
    )
    select workflow_name, foreign_id, run_id, status, run_state, version, updated_at
    from workflow_records
    where run_id = :run_id
    `,
    { run_id: runId },
  );
}

/** Without locks: `for update skip locked` would give another poller the second event of a run before the first. */
export async function selectEvents(
  db: Database,
  { workflowName, limit }: OutboxQuery,
): Promise<readonly OutboxRow[]> {
  const { rows } = await db.execute<OutboxRow>(
    `
    select
      cast(workflow_outbox.id as char) as id, workflow_name, foreign_id, run_id, status, run_state,
      cast(record_version as char) as record_version, created_at
    from workflow_outbox
    where :workflow_name is null or workflow_name = :workflow_name
    order by workflow_outbox.id
    limit :limit
    `,
    { workflow_name: workflowName ?? null, limit: String(limit) },
  );
  return rows;
}

export async function deleteEvents(db: Database, ids: readonly bigint[]): Promise<number> {
  const { affected } = await db.expand('delete from workflow_outbox where id in (:ids)', ids);
  return affected;
}
