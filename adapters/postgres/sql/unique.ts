import type { NewJob } from '../../../engine/commit.ts';
import type { JobRow } from '../rows.ts';
import type { Database } from './database.ts';

/** The open job under the key, held until the transaction ends, and the moment. */
export async function lockOpenJob(
  db: Database,
  { type, key }: { readonly type: string; readonly key: string },
): Promise<(JobRow & { now: Date }) | undefined> {
  const { rows } = await db.query<JobRow & { now: Date }>(
    `
    select *, clock_timestamp() as now
    from jobs
    where type = $1::text
      and unique_key = $2::text
      and tenant = millrace.current_tenant()
      and status in ('pending', 'queued', 'running', 'retrying')
    for update
    `,
    [type, key],
  );
  return rows[0];
}

/** The waiting job takes what the new one asks for. */
export async function updatePending(
  db: Database,
  id: string,
  { job, runAt }: { readonly job: NewJob; readonly runAt: Date },
): Promise<JobRow | undefined> {
  const { rows } = await db.query<JobRow>(
    `
    with updated as (
      update jobs
      set
        payload = $2::json, run_at = $3::timestamptz, priority = $4::smallint, max_retries = $5::integer, retry = $6::json,
        partition_key = $7::text, traceparent = $8::text, updated_at = clock_timestamp()
      where id = $1::uuid and status = 'pending'
      returning *
    )
    select updated.*, millrace_wake_due(updated.run_at) from updated
    `,
    [
      id,
      job.payload,
      runAt,
      job.priority,
      job.maxRetries,
      job.retry ? JSON.stringify(job.retry) : null,
      job.partitionKey ?? null,
      job.traceparent ?? null,
    ],
  );
  return rows[0];
}

export async function supersede(db: Database, id: string, by: string): Promise<void> {
  await db.query(
    `
    with cancelled as (
      update jobs
      set status = 'cancelled', completed_at = clock_timestamp(), updated_at = clock_timestamp()
      where id = $1::uuid and status in ('queued', 'retrying')
      returning id
    )
    insert into audit_log (actor, action, job_id, detail)
    select 'engine', 'JOB_CANCELLED', id, jsonb_build_object('replaced_by', $2::uuid)
    from cancelled
    `,
    [id, by],
  );
}

export async function releaseKey(db: Database, id: string): Promise<void> {
  await db.query('update jobs set unique_key = null, updated_at = clock_timestamp() where id = $1::uuid', [
    id,
  ]);
}
