import type { InstanceCancellation } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';

/**
 * Ends the instance and its open jobs. Jobs are locked before the instance, as everywhere, or this would deadlock with a
 * completion. A next step is only ever written together with a new version: at the expected version this statement sees
 * all jobs there are.
 * @returns whether the instance ran at that version
 */
export async function cancelInstance(db: Database, cancellation: InstanceCancellation): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    with job_locked as materialized (
      select id, status
      from jobs
      where instance_id = $1::uuid and status in ('pending', 'queued', 'running', 'retrying')
      order by id
      for update
    ), instance_locked as materialized (
      select id
      from workflow_instances
      where id = $1::uuid
        and version = $2::integer
        and status = 'running'
        and (select count(*) from job_locked) >= 0
      for update
    ), ended_job as (
      update jobs
      set
        status = 'cancelled',
        past_attempts = case
          when jobs.status <> 'running' then jobs.past_attempts
          else jobs.past_attempts || jsonb_build_object(
            'attempt', jobs.attempt,
            'worker_id', jobs.worker_id,
            'started_at', jobs.started_at,
            'ended_at', clock_timestamp(),
            'error', 'Cancelled.'
          )
        end,
        lease_until = null,
        completed_at = clock_timestamp(),
        updated_at = clock_timestamp()
      from job_locked, instance_locked
      where jobs.id = job_locked.id
      returning jobs.id, job_locked.status
    ), job_audit as (
      insert into audit_log (actor, action, job_id, instance_id, detail)
      select
        $3::text, 'JOB_CANCELLED', ended_job.id, $1::uuid,
        jsonb_strip_nulls(jsonb_build_object('from', ended_job.status, 'reason', $4::text))
      from ended_job
    ), instance_audit as (
      insert into audit_log (actor, action, instance_id, detail)
      select $3::text, 'WORKFLOW_CANCELLED', id, jsonb_strip_nulls(jsonb_build_object('reason', $4::text))
      from instance_locked
    )
    update workflow_instances
    set
      status = 'cancelled',
      failure_reason = $4::text,
      version = workflow_instances.version + 1,
      completed_at = clock_timestamp(),
      updated_at = clock_timestamp()
    from instance_locked
    where workflow_instances.id = instance_locked.id
    `,
    [cancellation.id, cancellation.expectedVersion, cancellation.actor, cancellation.reason ?? null],
  );
  return rowCount === 1;
}
