import type { NewInstance } from '../../../engine/commit.ts';
import { inlineDefinitionRows, instanceTrailRows, newInstanceRow } from '../instance-params.ts';
import { packNumbers } from '../packs.ts';
import { newJobRow } from './commit-params.ts';
import type { Database } from './database.ts';
import { trailCtes, wakeWorkflows } from './instance-trail.ts';

/** Writes the instances, the jobs they begin with and the outbox rows, in one statement. */
export async function startInstances(
  db: Database,
  instances: readonly NewInstance[],
  shards: number,
): Promise<void> {
  const jobs = instances.flatMap((instance) => instance.jobs);
  const packs = packNumbers(jobs, shards);
  await db.query(
    `
    with applied as materialized (
      select *
      from json_to_recordset($1::json) as t (
        ord integer, id uuid, name text, foreign_id text, definition_id text, definition_version integer, definition_tenant text,
        status text, state text, variables text, current_step integer, total_steps integer, failure_reason text,
        parent_id uuid, parent_activation integer, traceparent text, due_at timestamptz, created_at timestamptz,
        first_job uuid
      )
    ), inline_definition as (
      insert into workflow_definitions (id, version, name, document, hash)
      select id, version, name, document::json, decode(hash, 'base64')
      from json_to_recordset($5::json) as t (id text, version integer, name text, document text, hash text)
      -- Those who send the same ones together take them in the same order.
      order by id
      on conflict do nothing
    ), instance as (
      insert into workflow_instances (
        id, name, foreign_id, definition_id, definition_version, status, state, variables, current_step,
        total_steps, failure_reason, parent_id, parent_activation, traceparent, due_at, created_at, completed_at,
        definition_tenant
      )
      select
        id, name, foreign_id, definition_id, definition_version, status, state::json, variables::json,
        current_step, total_steps, failure_reason, parent_id, parent_activation, traceparent, due_at, created_at,
        case when status not in ('running', 'paused') then clock_timestamp() end,
        -- A chain is written with them.
        case when definition_id like 'inline/%' then millrace.current_tenant() else coalesce(definition_tenant, '') end
      from applied
      order by ord
    ), new_job as materialized (
      select *
      from json_to_recordset($2::json) as t (
        ord integer, id uuid, type text, status text, payload text, priority smallint, max_retries integer,
        created_at timestamptz, instance_id uuid, step_index integer, traceparent text, retry text, topic text,
        pack integer, message text
      )
    ), job as (
      insert into jobs (
        id, type, status, payload, priority, max_retries, created_at, run_at, instance_id, step_index, traceparent,
        retry, dispatches, queued_at
      )
      select
        id, type, status, payload::json, priority, max_retries, created_at, created_at, instance_id, step_index,
        traceparent, retry::json,
        case when message is null or (select dispatch_fallback from millrace_settings) then 0 else 1 end,
        case when status = 'queued' then clock_timestamp() end
      from new_job
      order by ord
    ), outbox as (
      insert into dispatch_outbox (topic, message_count, messages, shard_key, packed_for)
      select
        topic, count(*), string_agg(decode(message, 'base64'), ''::bytea order by ord), pack % $4::smallint, $4::smallint
      from new_job
      where message is not null and not (select dispatch_fallback from millrace_settings)
      group by topic, pack
      order by min(ord)
    ), audited as (
      insert into audit_log (actor, action, job_id, instance_id)
      select 'api', 'WORKFLOW_STARTED', first_job, id from applied
    ), ${trailCtes('$3')}
    select ${wakeWorkflows('select due_at from applied where due_at is not null')}
    `,
    [
      JSON.stringify(
        instances.map((instance, ord) => ({
          ...newInstanceRow(instance, ord),
          ord,
          // Looked for in the statement, every instance would go through the jobs of all.
          first_job: instance.jobs[0]?.id,
        })),
      ),
      JSON.stringify(jobs.map((job, ord) => ({ ...newJobRow(job, 0), ord, pack: packs[ord] ?? 0 }))),
      JSON.stringify(instances.flatMap((instance, ord) => instanceTrailRows(instance.id, instance, ord))),
      shards,
      JSON.stringify(inlineDefinitionRows(instances)),
    ],
    'start-instances',
  );
}
