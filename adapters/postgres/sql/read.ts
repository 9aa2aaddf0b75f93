import { type BacklogAges, type JobFilter, TEXT_SEARCH_DEPTH } from '../../../engine/ports/record-store.ts';
import type { InstanceId, JobId } from '../../../events/ids.ts';
import { type InstanceRow, instanceColumns } from '../instance-rows.ts';
import { type JobRow, jobColumns } from '../rows.ts';
import type { Database } from './database.ts';

export async function selectJobs(db: Database, ids: readonly JobId[]): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>('select * from jobs where id = any ($1::uuid[])', [ids]);
  return rows;
}

export async function selectJobsOfInstance(db: Database, id: InstanceId): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    'select * from jobs where instance_id = $1::uuid order by step_index',
    [id],
  );
  return rows;
}

/** Jobs with their instance's columns, which are null for a job that stands alone. */
export type LoadedRow = JobRow & (InstanceRow | { instance_key: null });

export async function loadJobs(db: Database, ids: readonly JobId[]): Promise<LoadedRow[]> {
  const { rows } = await db.query<LoadedRow>(
    `
    select ${jobColumns}, ${instanceColumns}
    from jobs
    left join workflow_instances i on i.id = jobs.instance_id
    where jobs.id = any ($1::uuid[])
    `,
    [ids],
    'load-jobs',
  );
  return rows;
}

export async function loadExpiredLeases(db: Database, limit: number): Promise<LoadedRow[]> {
  const { rows } = await db.query<LoadedRow>(
    `
    select jobs.*, ${instanceColumns}
    from jobs
    left join workflow_instances i on i.id = jobs.instance_id
    where jobs.status = 'running' and jobs.lease_until < clock_timestamp()
    order by jobs.lease_until
    limit $1::integer
    `,
    [limit],
  );
  return rows;
}

export async function selectDueJobs(db: Database, limit: number): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    `
    select *
    from jobs
    where status in ('pending', 'retrying') and limit_lane is null and run_at <= clock_timestamp()
    order by run_at
    limit $1::integer
    `,
    [limit],
  );
  return rows;
}

/**
 * Reads all that is queued, and nothing else: `offset 0` keeps the planner from walking the primary key for its order, which
 * passes over every job that has ended, and goes to the end of the table when there are none such, as is usual.
 */
export async function selectUndispatchedJobs(db: Database, limit: number): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    `
    select *
    from jobs
    where id = any (array(
      select id
      from (
        select id
        from jobs
        where status = 'queued' and (dispatches = 0 or unsent) and not (select dispatch_fallback from millrace_settings)
        offset 0
      ) as waiting
      order by id
      limit $1::integer
    ))
    order by id
    `,
    [limit],
  );
  return rows;
}

/** Never below 0; null when no job waits. */
export async function selectNextDue(db: Database): Promise<number | null> {
  const { rows } = await db.query<{ ms: number | null }>(
    `
    select greatest(0, extract(epoch from run_at - clock_timestamp()) * 1000)::double precision as ms
    from jobs
    where status in ('pending', 'retrying') and limit_lane is null
    order by run_at
    limit 1
    `,
  );
  return rows[0]?.ms ?? null;
}

/** Reads what is queued, as the one above. */
export async function selectUnclaimedJobs(
  db: Database,
  { olderThanMs, limit, backlogsMs }: { olderThanMs: number; limit: number; backlogsMs: BacklogAges },
): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    `
    select *
    from jobs
    where id = any (array(
      select id
      from (
        select id
        from jobs
        where status = 'queued'
          and queued_at < clock_timestamp() - $1::double precision * interval '1 millisecond'
          and not (select dispatch_fallback from millrace_settings)
          and not exists (
            select
            from unnest($3::text[], $4::double precision[]) as backlog (type, age_ms)
            where backlog.type = jobs.type
              and jobs.queued_at >= clock_timestamp() - ($1::double precision + age_ms) * interval '1 millisecond'
          )
        offset 0
      ) as waiting
      order by id
      limit $2::integer
    ))
    order by id
    `,
    [olderThanMs, limit, [...backlogsMs.keys()], [...backlogsMs.values()]],
  );
  return rows;
}

/** Newest first: ids are UUIDs of version 7, so their order is that of creation. */
export async function selectJobPage(db: Database, filter: JobFilter): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    `
    select *
    from (
      select *
      from jobs
      where ($1::text is null or status = $1)
        and ($2::text is null or type = $2)
        and ($3::uuid is null or id < $3)
        and ($4::uuid is null or id > $4)
      order by id desc
      limit case when $5::text is null then $6::integer else $7::integer end
    ) as newest
    where $5::text is null or position(
      lower($5) in lower(concat_ws(e'\\n', id, idempotency_key, partition_key, worker_id, last_error, payload::text))
    ) > 0
    order by id desc
    limit $6::integer
    `,
    [
      filter.status ?? null,
      filter.type ?? null,
      filter.before ?? null,
      filter.after ?? null,
      filter.text ?? null,
      filter.limit,
      TEXT_SEARCH_DEPTH,
    ],
  );
  return rows;
}

export async function selectByIdempotencyKey(db: Database, keys: readonly string[]) {
  const { rows } = await db.query<JobRow & { request_hash: Buffer }>(
    'select * from jobs where idempotency_key = any ($1::text[]) and tenant = millrace.current_tenant()',
    [keys],
  );
  return new Map(rows.map((row) => [row.idempotency_key, row]));
}

export interface AuditRow {
  at: Date;
  actor: string;
  action: string;
  detail: string;
}

export async function selectAudit(
  db: Database,
  subject: { jobId?: JobId; instanceId?: InstanceId },
): Promise<AuditRow[]> {
  const { rows } = await db.query<AuditRow>(
    `
    select at, actor, action, detail
    from (
      select id, at, actor, action, detail from audit_log where job_id = $1::uuid or instance_id = $2::uuid
      union all
      select audit_log.id, audit_log.at, audit_log.actor, audit_log.action, audit_log.detail
      from jobs
      join audit_log on audit_log.dispatch_id = jobs.dispatch_id
      where jobs.id = $1::uuid
    ) as trail
    order by id
    limit 1000
    `,
    [subject.jobId ?? null, subject.instanceId ?? null],
  );
  return rows;
}

export async function countJobs(db: Database) {
  const { rows } = await db.query<{ queued: string; running: string; dead_letter: string }>(
    `
    select
      (select count(*) from jobs where status = 'queued') as queued,
      (select count(*) from jobs where status = 'running') as running,
      (select count(*) from jobs where status = 'dead_letter') as dead_letter
    `,
  );
  return rows[0];
}
