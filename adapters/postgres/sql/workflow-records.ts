import type { NewRecord } from '../../../engine/ports/workflow-record-store.ts';
import { directionOf, type Place, type RecordRow } from '../../workflow-record-rows.ts';
import type { Database } from './database.ts';

/** False when there is a run of this id, or an open one of its foreign id. */
export async function insertRecord(db: Database, record: NewRecord): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    with stored as (
      insert into workflow_records (
        run_id, workflow_name, foreign_id, status, run_state, reason, object, version, created_at, updated_at
      )
      select $1::text, $2::text, $3::text, $4::integer, $5::text, $6::text, $7::bytea, 1, now.at, now.at
      from (select clock_timestamp() as at) as now
      on conflict do nothing
      returning workflow_name, foreign_id, run_id, status, run_state, version, updated_at
    )
    insert into workflow_outbox (
      workflow_name, foreign_id, run_id, status, run_state, record_version, created_at
    )
    select workflow_name, foreign_id, run_id, status, run_state, version, updated_at
    from stored
    `,
    [
      record.runId,
      record.workflowName,
      record.foreignId,
      record.status,
      record.runState,
      record.reason ?? null,
      record.object,
    ],
  );
  return rowCount === 1;
}

/**
 * False at another version. The event comes after the row's lock, so the numbers of a run's events rise with its versions.
 * @throws what pg does for a duplicate, when this would open a run beside an open one
 */
export async function updateRecord(db: Database, record: NewRecord): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    with stored as (
      update workflow_records
      set
        status = $3::integer,
        run_state = $4::text,
        reason = $5::text,
        object = $6::bytea,
        version = version + 1,
        updated_at = clock_timestamp()
      where run_id = $1::text
        and version = $2::bigint
      returning workflow_name, foreign_id, run_id, status, run_state, version, updated_at
    )
    insert into workflow_outbox (
      workflow_name, foreign_id, run_id, status, run_state, record_version, created_at
    )
    select workflow_name, foreign_id, run_id, status, run_state, version, updated_at
    from stored
    `,
    [record.runId, record.version, record.status, record.runState, record.reason ?? null, record.object],
  );
  return rowCount === 1;
}

export async function selectRecord(db: Database, runId: string): Promise<RecordRow | undefined> {
  const { rows } = await db.query<RecordRow>(
    `
    select
      id, run_id, workflow_name, foreign_id, status, run_state, reason, object, version, created_at, updated_at
    from workflow_records
    where run_id = $1::text
    `,
    [runId],
  );
  return rows[0];
}

export async function selectLatest(
  db: Database,
  workflowName: string,
  foreignId: string,
): Promise<RecordRow | undefined> {
  const { rows } = await db.query<RecordRow>(
    `
    select
      id, run_id, workflow_name, foreign_id, status, run_state, reason, object, version, created_at, updated_at
    from workflow_records
    where workflow_name = $1::text
      and foreign_id = $2::text
    order by id desc
    limit 1
    `,
    [workflowName, foreignId],
  );
  return rows[0];
}

/** The open run of the foreign id that a run was made with, or would be made with. */
export async function selectOpenRun(db: Database, record: NewRecord): Promise<string | undefined> {
  const { rows } = await db.query<{ run_id: string }>(
    `
    select held.run_id
    from workflow_records as held
    left join workflow_records as own on own.run_id = $1::text
    where held.workflow_name = coalesce(own.workflow_name, $2::text)
      and held.foreign_id = coalesce(own.foreign_id, $3::text)
      and held.run_id <> $1::text
      and held.run_state in ('initiated', 'running', 'paused')
    `,
    [record.runId, record.workflowName, record.foreignId],
  );
  return rows[0]?.run_id;
}

export async function selectPage(db: Database, place: Place): Promise<RecordRow[]> {
  const { after, order } = directionOf(place);
  const { rows } = await db.query<RecordRow>(
    `
    select
      id, run_id, workflow_name, foreign_id, status, run_state, reason, object, version, created_at, updated_at
    from workflow_records
    where ($1::text is null or workflow_name = $1::text)
      and ($2::text is null or foreign_id = $2::text)
      and ($3::integer[] is null or status = any($3::integer[]))
      and ($4::text[] is null or run_state = any($4::text[]))
      and ($5::timestamptz is null or created_at >= $5::timestamptz)
      and ($6::timestamptz is null or created_at < $6::timestamptz)
      and ($7::bigint is null or id ${after} $7::bigint)
    order by id ${order}
    limit $8::integer
    `,
    filtersOf(place),
  );
  return rows;
}

function filtersOf({ query, cursor, limit }: Place): unknown[] {
  return [
    query.workflowName ?? null,
    query.foreignId ?? null,
    query.statuses ?? null,
    query.runStates ?? null,
    query.createdFrom ?? null,
    query.createdUntil ?? null,
    cursor,
    limit,
  ];
}
