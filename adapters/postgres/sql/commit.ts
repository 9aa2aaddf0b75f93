import type { CommitUnit } from '../../../engine/commit.ts';
import { commitValues } from './commit-params.ts';
import type { Database } from './database.ts';
import { trailCtes, wakeWorkflows } from './instance-trail.ts';

/**
 * Applies the units in one statement. Rows are locked first, all jobs in id order and then the instances, with the
 * expectation in the predicate: a concurrent change is then seen by the recheck that PostgreSQL makes after waiting for the
 * lock, so of two units for one row one applies. All that a unit writes hangs on both its job and its instance having been
 * locked so. Jobs that end with their instance's change are found by its activations: at the expected version this statement
 * sees all there are. As when enqueueing, no outbox row is written while the write-ahead log may grow no further.
 * @returns the indexes of the units that were applied
 */
export async function applyUnits(
  db: Database,
  units: readonly CommitUnit[],
  shards: number,
): Promise<Set<number>> {
  const { rows } = await db.query<{ ord: number }>(
    `
    with setting as materialized (
      select dispatch_fallback from millrace_settings
    ), unit as materialized (
      select *
      from json_to_recordset($1::json) as t (
        ord integer, job_id uuid, from_status text, attempt integer, token uuid, lease_expired boolean, to_status text, result text,
        last_error text, ended_error text, delay_ms double precision, claimed_by text, attempt_is_lost boolean,
        fresh_retries boolean, topic text, pack integer, message text, instance_id uuid, instance_version integer, instance_status text, state text, variables text,
        current_step integer, failure_reason text, due_at timestamptz
      )
    ), over as materialized (
      select *
      from json_to_recordset($6::json) as t (
        unit integer, kind text, instance_id uuid, activation integer, actor text, reason text, message_id bigint
      )
    ), touched as materialized (
      select ord, job_id, true as moves, from_status, attempt, token, lease_expired from unit where job_id is not null
      union all
      select over.unit, jobs.id, false, null, null, null, null
      from over
      join jobs on jobs.instance_id = over.instance_id and jobs.step_index = over.activation
      where over.kind = 'job'
    ), job_locked as materialized (
      select touched.ord, jobs.id, touched.moves, jobs.status, jobs.tenant
      from jobs
      join touched on touched.job_id = jobs.id
      where case
        when touched.moves then
          jobs.status = touched.from_status
          and jobs.attempt = touched.attempt
          and (touched.token is null or jobs.token = touched.token)
          and (touched.lease_expired is null or jobs.lease_until < clock_timestamp())
        else jobs.status in ('pending', 'queued', 'running', 'retrying')
      end
      order by jobs.id
      for update of jobs
    ), instance_locked as materialized (
      select unit.ord, workflow_instances.tenant
      from workflow_instances
      join unit on unit.instance_id = workflow_instances.id
      where workflow_instances.version = unit.instance_version and (select count(*) from job_locked) >= 0
      order by workflow_instances.id
      for update of workflow_instances
    ), applied as materialized (
      -- What a unit begins is of whom its job or instance is.
      select unit.*, coalesce(instance_locked.tenant, job_locked.tenant, millrace.current_tenant()) as tenant
      from unit
      left join job_locked on job_locked.ord = unit.ord and job_locked.moves
      left join instance_locked on instance_locked.ord = unit.ord
      where (unit.job_id is null or job_locked.ord is not null)
        and (unit.instance_id is null or instance_locked.ord is not null)
    ), moved as (
      update jobs
      set
        status = applied.to_status,
        attempt = jobs.attempt + case when applied.claimed_by is null then 0 else 1 end,
        token = case when applied.claimed_by is null then jobs.token else gen_random_uuid() end,
        worker_id = coalesce(applied.claimed_by, jobs.worker_id),
        started_at = case when applied.claimed_by is null then jobs.started_at else clock_timestamp() end,
        result = coalesce(applied.result::json, jobs.result),
        last_error = coalesce(applied.last_error, jobs.last_error),
        past_attempts = case
          when applied.ended_error is null then jobs.past_attempts
          else jobs.past_attempts || jsonb_build_object(
            'attempt', jobs.attempt + case when applied.claimed_by is null then 0 else 1 end,
            'worker_id', coalesce(applied.claimed_by, jobs.worker_id),
            'started_at', case when applied.claimed_by is null then jobs.started_at else clock_timestamp() end,
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
        attempt_base = case
          when applied.fresh_retries then jobs.attempt
          when applied.attempt_is_lost then jobs.attempt_base + 1
          else jobs.attempt_base
        end,
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
    ), ended as (
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
      from job_locked
      join applied on applied.ord = job_locked.ord
      join over on over.unit = applied.ord and over.kind = 'job'
      where not job_locked.moves and jobs.id = job_locked.id and jobs.step_index = over.activation
      returning jobs.id, jobs.instance_id, job_locked.status, over.actor, over.reason
    ), ended_audit as (
      insert into audit_log (actor, action, job_id, instance_id, detail)
      select
        actor, 'JOB_CANCELLED', id, instance_id,
        jsonb_strip_nulls(jsonb_build_object('from', status, 'reason', reason))
      from ended
    ), closed as (
      delete from workflow_user_tasks
      using over, applied
      where over.kind = 'task'
        and over.unit = applied.ord
        and workflow_user_tasks.instance_id = over.instance_id
        and workflow_user_tasks.activation = over.activation
    ), taken as (
      delete from workflow_messages
      using over, applied
      where over.kind = 'message' and over.unit = applied.ord and workflow_messages.id = over.message_id
    ), advanced as (
      update workflow_instances
      set
        status = applied.instance_status,
        state = applied.state::json,
        variables = coalesce(applied.variables::json, workflow_instances.variables),
        current_step = applied.current_step,
        failure_reason = applied.failure_reason,
        due_at = applied.due_at,
        version = workflow_instances.version + 1,
        completed_at = case
          when applied.instance_status in ('running', 'paused') then null
          else coalesce(workflow_instances.completed_at, clock_timestamp())
        end,
        updated_at = clock_timestamp()
      from applied
      where workflow_instances.id = applied.instance_id
    ), begun as (
      insert into workflow_instances (
        id, name, foreign_id, definition_id, definition_version, status, state, variables, current_step,
        total_steps, failure_reason, parent_id, parent_activation, traceparent, due_at, created_at, completed_at, tenant,
        definition_tenant
      )
      select
        t.id, t.name, t.foreign_id, t.definition_id, t.definition_version, t.status, t.state::json,
        t.variables::json, t.current_step, t.total_steps, t.failure_reason, t.parent_id, t.parent_activation,
        t.traceparent, t.due_at, t.created_at,
        case when t.status not in ('running', 'paused') then clock_timestamp() end, applied.tenant,
        coalesce(t.definition_tenant, '')
      from json_to_recordset($4::json) as t (
        unit integer, id uuid, name text, foreign_id text, definition_id text, definition_version integer, definition_tenant text,
        status text, state text, variables text, current_step integer, total_steps integer, failure_reason text,
        parent_id uuid, parent_activation integer, traceparent text, due_at timestamptz, created_at timestamptz
      )
      join applied on applied.ord = t.unit
      returning due_at
    ), new_job as materialized (
      select t.*, applied.tenant
      from json_to_recordset($2::json) as t (
        unit integer, id uuid, type text, status text, payload text, priority smallint, max_retries integer,
        created_at timestamptz, instance_id uuid, step_index integer, traceparent text, retry text, topic text,
        pack integer, message text
      )
      join applied on applied.ord = t.unit
    ), added as (
      insert into jobs (
        id, type, status, payload, priority, max_retries, created_at, run_at, instance_id, step_index, traceparent,
        retry, dispatches, queued_at, tenant
      )
      select
        id, type, status, payload::json, priority, max_retries, created_at, created_at, instance_id, step_index,
        traceparent, retry::json,
        case when message is null or (select dispatch_fallback from setting) then 0 else 1 end,
        case when status = 'queued' then clock_timestamp() end, tenant
      from new_job
    ), message as (
      select ord, topic, pack, message from applied where message is not null
      union all
      select unit, topic, pack, message from new_job where message is not null
    ), outbox as (
      insert into dispatch_outbox (topic, message_count, messages, shard_key, packed_for)
      select
        topic, count(*), string_agg(decode(message, 'base64'), ''::bytea order by ord), pack % $7::smallint, $7::smallint
      from message
      where not (select dispatch_fallback from setting)
      group by topic, pack
      order by min(ord)
    ), audited as (
      insert into audit_log (actor, action, job_id, instance_id, detail)
      select t.actor, t.action, t.job_id, t.instance_id, coalesce(t.detail, '{}')
      from json_to_recordset($3::json) as t (
        unit integer, place integer, actor text, action text, job_id uuid, instance_id uuid, detail jsonb
      )
      join applied on applied.ord = t.unit
      order by t.place
    ), ${trailCtes('$5')}
    select
      ord,
      (
        select millrace_wake_due(clock_timestamp() + min(delay_ms) * interval '1 millisecond')
        from applied
        where delay_ms is not null
        having count(*) > 0
      ),
      ${wakeWorkflows(`
            select due_at from applied where due_at is not null
            union all
            select due_at from begun where due_at is not null
      `)}
    from applied
    `,
    [...commitValues(units, shards), shards],
    'apply-units',
  );
  return new Set(rows.map(({ ord }) => ord));
}
