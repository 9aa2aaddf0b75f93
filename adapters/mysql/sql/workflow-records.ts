import type { NewRecord } from '../../../engine/ports/workflow-record-store.ts';
import { directionOf, type Place, type RecordRow } from '../../workflow-record-rows.ts';
import type { Database, Parameters } from './database.ts';

/** @throws what the driver does for a duplicate, when there is a run of this id or an open one of its foreign id */
export async function insertRecord(db: Database, record: NewRecord): Promise<boolean> {
  const { affected } = await db.execute(
    `
    insert into workflow_records (
      run_id, workflow_name, foreign_id, status, run_state, reason, object, version, created_at, updated_at
    )
    values (
      :run_id, :workflow_name, :foreign_id, :status, :run_state, :reason, :object, 1, utc_timestamp(3), utc_timestamp(3)
    )
    `,
    {
      ...changesOf(record),
      run_id: record.runId,
      workflow_name: record.workflowName,
      foreign_id: record.foreignId,
    },
  );
  return affected === 1;
}

/** @throws what the driver does for a duplicate, when this would open a run beside an open one */
export async function updateRecord(db: Database, record: NewRecord): Promise<boolean> {
  const { affected } = await db.execute(
    `
    update workflow_records
    set
      status = :status,
      run_state = :run_state,
      reason = :reason,
      object = :object,
      version = version + 1,
      updated_at = utc_timestamp(3)
    where run_id = :run_id
      and version = :version
    `,
    { ...changesOf(record), run_id: record.runId, version: record.version },
  );
  return affected === 1;
}

function changesOf({ status, runState, reason, object }: NewRecord): Parameters {
  return { status, run_state: runState, reason: reason ?? null, object };
}

export async function selectRecord(db: Database, runId: string): Promise<RecordRow | undefined> {
  const { rows } = await db.execute<RecordRow>(
    `
    select
      cast(id as char) as id, run_id, workflow_name, foreign_id, status, run_state, reason, object,
      cast(version as char) as version, created_at, updated_at
    from workflow_records
    where run_id = :run_id
    `,
    { run_id: runId },
  );
  return rows[0];
}

export async function selectLatest(
  db: Database,
  workflowName: string,
  foreignId: string,
): Promise<RecordRow | undefined> {
  const { rows } = await db.execute<RecordRow>(
    `
    select
      cast(workflow_records.id as char) as id, run_id, workflow_name, foreign_id, status, run_state, reason, object,
      cast(version as char) as version, created_at, updated_at
    from workflow_records
    where workflow_name = :workflow_name
      and foreign_id = :foreign_id
    order by workflow_records.id desc
    limit 1
    `,
    { workflow_name: workflowName, foreign_id: foreignId },
  );
  return rows[0];
}

/** The open run of the foreign id that a run was made with, or would be made with. */
export async function selectOpenRun(db: Database, record: NewRecord): Promise<string | undefined> {
  const { rows } = await db.execute<{ run_id: Buffer }>(
    `
    select held.run_id
    from workflow_records as held
    left join workflow_records as own on own.run_id = :run_id
    where held.workflow_name = coalesce(own.workflow_name, :workflow_name)
      and held.open_foreign_id = coalesce(own.foreign_id, :foreign_id)
      and held.run_id <> :run_id
    `,
    { run_id: record.runId, workflow_name: record.workflowName, foreign_id: record.foreignId },
  );
  return rows[0]?.run_id.toString();
}

export async function selectPage(db: Database, place: Place): Promise<readonly RecordRow[]> {
  const { after, order } = directionOf(place);
  const { rows } = await db.execute<RecordRow>(
    `
    select
      cast(workflow_records.id as char) as id, run_id, workflow_name, foreign_id, status, run_state, reason, object,
      cast(version as char) as version, created_at, updated_at
    from workflow_records
    where (:workflow_name is null or workflow_name = :workflow_name)
      and (:foreign_id is null or foreign_id = :foreign_id)
      and (:statuses is null or find_in_set(status, :statuses) > 0)
      and (:run_states is null or find_in_set(run_state, :run_states) > 0)
      and (:created_from is null or created_at >= :created_from)
      and (:created_until is null or created_at < :created_until)
      and (:cursor is null or workflow_records.id ${after} cast(:cursor as unsigned))
    order by workflow_records.id ${order}
    limit :limit
    `,
    filtersOf(place),
  );
  return rows;
}

function filtersOf({ query, cursor, limit }: Place): Parameters {
  return {
    workflow_name: query.workflowName ?? null,
    foreign_id: query.foreignId ?? null,
    statuses: query.statuses?.join(',') ?? null,
    run_states: query.runStates?.join(',') ?? null,
    created_from: query.createdFrom ?? null,
    created_until: query.createdUntil ?? null,
    cursor,
    // The driver sends numbers as doubles, which MySQL 8 refuses here.
    limit: String(limit),
  };
}
