import type { AuditEntry, CommitUnit, NewJob } from '../../../engine/commit.ts';
import { packNumbers } from '../packs.ts';
import type { Database } from './database.ts';

/**
 * Applies the units in one statement. Rows are locked first, in id order, with the expectation in the predicate: a
 * concurrent change is then seen by the recheck that PostgreSQL makes after waiting for the lock, so of two units for one
 * row one applies. All that a unit writes hangs on both its job and its instance having been locked so. As when enqueueing,
 * no outbox row is written while the write-ahead log may grow no further.
 * @returns the indexes of the units that were applied
 */
export async function applyUnits(
  db: Database,
  units: readonly CommitUnit[],
  shards: number,
): Promise<Set<number>> {
  const packs = packsOf(units, shards);
  const { rows } = await db.query<{ ord: number }>(
    `
    with setting as materialized (
      select dispatch_fallback from millrace_settings
    ), unit as materialized (
      select *
      from json_to_recordset($1::json) as t (
        ord integer, job_id uuid, from_status text, attempt integer, token uuid, lease_expired boolean, to_status text, result text,
        last_error text, ended_error text, delay_ms double precision, fresh_retries boolean, topic text, pack integer,
        message text, instance_id uuid, instance_version integer, instance_status text, current_step integer, output text,
        failure_reason text
      )
    ), job_locked as materialized (
      select unit.ord
      from jobs
      join unit on unit.job_id = jobs.id
      where jobs.status = unit.from_status
        and jobs.attempt = unit.attempt
        and (unit.token is null or jobs.token = unit.token)
        and (unit.lease_expired is null or jobs.lease_until < clock_timestamp())
      order by jobs.id
      for update of jobs
    ), instance_locked as materialized (
      select unit.ord
      from workflow_instances
      join unit on unit.instance_id = workflow_instances.id
      where workflow_instances.version = unit.instance_version
      order by workflow_instances.id
      for update of workflow_instances
    ), applied as materialized (
      select unit.*
      from unit
      join job_locked on job_locked.ord = unit.ord
      -- Not a join, for which the planner expects one row, and compares each of them with each.
      where unit.instance_id is null or unit.ord in (select ord from instance_locked)
    ), moved as (
      update jobs
      set
        status = applied.to_status,
        result = coalesce(applied.result::json, jobs.result),
        last_error = coalesce(applied.last_error, jobs.last_error),
        past_attempts = case
          when applied.ended_error is null then jobs.past_attempts
          else jobs.past_attempts || jsonb_build_object(
            'attempt', jobs.attempt,
            'worker_id', jobs.worker_id,
            'started_at', jobs.started_at,
            'ended_at', clock_timestamp(),
            'error', applied.ended_error
          )
        end,
        run_at = case
          when applied.delay_ms is null then jobs.run_at
          else clock_timestamp() + applied.delay_ms * interval '1 millisecond'
        end,
        -- Another job may have the key by now.
        unique_key = case when applied.fresh_retries then null else jobs.unique_key end,
        attempt_base = case when applied.fresh_retries then jobs.attempt else jobs.attempt_base end,
        lease_until = null,
        queued_at = case when applied.to_status = 'queued' then clock_timestamp() else jobs.queued_at end,
        dispatches = jobs.dispatches
          + case when applied.message is null or (select dispatch_fallback from setting) then 0 else 1 end,
        unsent = applied.to_status = 'queued'
          and (applied.message is null or (select dispatch_fallback from setting)),
        completed_at = case
          when applied.to_status in ('completed', 'dead_letter', 'cancelled') then clock_timestamp()
        end,
        updated_at = clock_timestamp()
      from applied
      where jobs.id = applied.job_id
    ), advanced as (
      update workflow_instances
      set
        status = applied.instance_status,
        current_step = applied.current_step,
        outputs = case
          when applied.output is null then workflow_instances.outputs
          else array_append(workflow_instances.outputs, applied.output::json)
        end,
        failure_reason = case
          when applied.instance_status <> 'running' then coalesce(applied.failure_reason, workflow_instances.failure_reason)
        end,
        version = workflow_instances.version + 1,
        completed_at = case when applied.instance_status <> 'running' then clock_timestamp() end,
        updated_at = clock_timestamp()
      from applied
      where workflow_instances.id = applied.instance_id
    ), new_job as materialized (
      select t.*
      from json_to_recordset($2::json) as t (
        unit integer, id uuid, type text, status text, payload text, priority smallint, max_retries integer,
        created_at timestamptz, instance_id uuid, step_index integer, traceparent text, retry text, topic text,
        pack integer, message text
      )
      join applied on applied.ord = t.unit
    ), added as (
      insert into jobs (
        id, type, status, payload, priority, max_retries, created_at, run_at, instance_id, step_index, traceparent,
        retry, dispatches, queued_at
      )
      select
        id, type, status, payload::json, priority, max_retries, created_at, created_at, instance_id, step_index,
        traceparent, retry::json,
        case when message is null or (select dispatch_fallback from setting) then 0 else 1 end,
        case when status = 'queued' then clock_timestamp() end
      from new_job
    ), message as (
      select ord, topic, pack, message from applied where message is not null
      union all
      select unit, topic, pack, message from new_job where message is not null
    ), outbox as (
      insert into dispatch_outbox (topic, message_count, messages, shard_key, packed_for)
      select
        topic, count(*), string_agg(decode(message, 'base64'), ''::bytea order by ord), pack % $4::smallint, $4::smallint
      from message
      where not (select dispatch_fallback from setting)
      group by topic, pack
      order by min(ord)
    ), audited as (
      insert into audit_log (actor, action, job_id, instance_id, detail)
      select t.actor, t.action, t.job_id, t.instance_id, coalesce(t.detail, '{}')
      from json_to_recordset($3::json) as t (
        unit integer, actor text, action text, job_id uuid, instance_id uuid, detail jsonb
      )
      join applied on applied.ord = t.unit
    )
    select
      ord,
      (
        select millrace_wake_due(clock_timestamp() + min(delay_ms) * interval '1 millisecond')
        from applied
        where delay_ms is not null
        having count(*) > 0
      )
    from applied
    `,
    [
      JSON.stringify(units.map((unit, ord) => ({ ...unitRow(unit, ord), pack: packs.get(unit.job) }))),
      JSON.stringify(
        units.flatMap((unit, ord) =>
          unit.enqueue.map((job) => ({ ...newJobRow(job, ord), pack: packs.get(job) })),
        ),
      ),
      JSON.stringify(
        units.flatMap((unit, ord) => unit.audit.map((entry) => ({ unit: ord, ...auditRow(entry) }))),
      ),
      shards,
    ],
  );
  return new Set(rows.map(({ ord }) => ord));
}

/** Which pack of its topic each message goes into, none of which grows beyond what an outbox row holds. */
function packsOf(units: readonly CommitUnit[], shards: number): Map<object, number> {
  const messages = units.flatMap(({ job, enqueue }) => [job, ...enqueue]);
  const numbers = packNumbers(messages, shards);
  return new Map(messages.map((message, index) => [message, numbers[index] ?? 0]));
}

function unitRow({ job, instance }: CommitUnit, ord: number) {
  return {
    ord,
    job_id: job.id,
    from_status: job.expect.status,
    attempt: job.expect.attempt,
    token: job.expect.token,
    lease_expired: job.expect.leaseExpired,
    to_status: job.status,
    result: job.result,
    last_error: job.lastError,
    ended_error: job.endedAttempt?.error,
    delay_ms: job.delayMs,
    fresh_retries: job.freshRetries,
    topic: job.dispatch?.topic,
    message: job.dispatch?.message.toString('base64'),
    instance_id: instance?.id,
    instance_version: instance?.expectedVersion,
    instance_status: instance?.status,
    current_step: instance?.currentStep,
    output: instance?.output,
    failure_reason: instance?.failureReason,
  };
}

function newJobRow(job: NewJob, unit: number) {
  return {
    unit,
    id: job.id,
    type: job.type,
    status: job.status,
    payload: job.payload,
    priority: job.priority,
    max_retries: job.maxRetries,
    retry: job.retry && JSON.stringify(job.retry),
    created_at: job.createdAt,
    instance_id: job.instanceId,
    step_index: job.stepIndex,
    traceparent: job.traceparent,
    topic: job.dispatch?.topic,
    message: job.dispatch?.message.toString('base64'),
  };
}

export function auditRow(entry: AuditEntry) {
  return {
    actor: entry.actor,
    action: entry.action,
    job_id: entry.jobId,
    instance_id: entry.instanceId,
    detail: entry.detail,
  };
}
