import type { PurgeAges, PurgeRange } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';

/**
 * Why there is no index for this: one on `completed_at` would cost every completion an entry. Ids are in order of creation
 * and nothing ends before it is created, so a walk along the primary key, up to the id of the oldest that may still be
 * kept, meets little but what is to go; the few that stay are passed over once in a sweep. Rows that are locked at the
 * moment are left for the next sweep, so that no request ever waits for this.
 */

export interface PurgeRow {
  removed: number;
  seen: number;
  last: string | null;
}

/** The next ids of the walk; an id of version 7 begins with the time at which it was made. */
const nextIds = `
  where ($4::uuid is null or id > $4)
    and id < (
      lpad(to_hex((extract(epoch from clock_timestamp()) * 1000 - $3::double precision)::bigint), 12, '0') || repeat('0', 20)
    )::uuid
  order by id
  limit $5::integer
`;

const howFar = `
  select
    (select count(*)::integer from removed) as removed,
    (select count(*)::integer from walked) as seen,
    (select id from walked order by id desc limit 1) as last
`;

export async function purgeJobs(db: Database, ages: PurgeAges, range: PurgeRange): Promise<PurgeRow> {
  const { rows } = await db.query<PurgeRow>(
    `
    with walked as materialized (
      select id, status, completed_at, instance_id
      from jobs
      ${nextIds}
    ), old as materialized (
      select jobs.id
      from jobs
      join walked on walked.id = jobs.id
      where jobs.instance_id is null
        and (
          jobs.status in ('completed', 'cancelled')
            and jobs.completed_at < clock_timestamp() - $1::double precision * interval '1 millisecond'
          or jobs.status = 'dead_letter'
            and jobs.completed_at < clock_timestamp() - $2::double precision * interval '1 millisecond'
        )
      for update of jobs skip locked
    ), removed as (
      delete from jobs using old where jobs.id = old.id returning jobs.id
    )
    ${howFar}
    `,
    purgeValues(ages, range),
  );
  return rows[0] ?? nothing;
}

/** The jobs of an instance go with it: the foreign key cascades. */
export async function purgeInstances(db: Database, ages: PurgeAges, range: PurgeRange): Promise<PurgeRow> {
  const { rows } = await db.query<PurgeRow>(
    `
    with walked as materialized (
      select id
      from workflow_instances
      ${nextIds}
    ), old as materialized (
      select i.id
      from workflow_instances i
      join walked on walked.id = i.id
      where i.status in ('completed', 'cancelled')
          and i.completed_at < clock_timestamp() - $1::double precision * interval '1 millisecond'
        or i.status = 'failed'
          and i.completed_at < clock_timestamp() - $2::double precision * interval '1 millisecond'
      for update of i skip locked
    ), removed as (
      delete from workflow_instances i using old where i.id = old.id returning i.id, i.definition_id, i.definition_tenant
    ), untold as (
      delete from workflow_messages using removed where workflow_messages.instance_id = removed.id
    ), unused as (
      -- What came with the requests goes with the last that ran it.
      delete from workflow_definitions d
      where (d.id, d.tenant) in (
          select definition_id, definition_tenant from removed where definition_id like 'inline/%'
        )
        and not exists (
          select
          from workflow_instances i
          where i.definition_id = d.id
            and i.definition_tenant = d.tenant
            and i.definition_id like 'inline/%'
            and i.id not in (select id from removed)
        )
    )
    ${howFar}
    `,
    purgeValues(ages, range),
  );
  return rows[0] ?? nothing;
}

/** Both are append only and their keys rise with time, or nearly so: the oldest come first. */
export async function purgeAudit(db: Database, olderThanMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `
    delete from audit_log
    where id in (select id from audit_log order by id limit $2::integer for update skip locked)
      and at < clock_timestamp() - $1::double precision * interval '1 millisecond'
    `,
    [olderThanMs, limit],
  );
  return rowCount ?? 0;
}

export async function purgeUndecodable(db: Database, olderThanMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `
    delete from undecodable_records
    where (topic, partition, record_offset) in (
      select topic, partition, record_offset
      from undecodable_records
      where recorded_at < clock_timestamp() - $1::double precision * interval '1 millisecond'
      limit $2::integer
      for update skip locked
    )
    `,
    [olderThanMs, limit],
  );
  return rowCount ?? 0;
}

/** No id was made longer ago than this. */
const MAX_AGE_MS = 50 * 365 * 24 * 3_600_000;

const nothing: PurgeRow = { removed: 0, seen: 0, last: null };

/** An age that is null makes its comparison null, and so removes nothing. */
function purgeValues({ completedMs, failedMs }: PurgeAges, { after, limit }: PurgeRange): unknown[] {
  const youngestMs = Math.min(completedMs ?? MAX_AGE_MS, failedMs ?? MAX_AGE_MS, MAX_AGE_MS);
  return [completedMs ?? null, failedMs ?? null, youngestMs, after ?? null, limit];
}
