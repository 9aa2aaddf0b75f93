import type { NewInstance } from '../../../engine/commit.ts';
import { packNumbers } from '../packs.ts';
import type { Database } from './database.ts';

/** Writes the instances, the first job of each and the outbox rows, in one statement. */
export async function startInstances(
  db: Database,
  instances: readonly NewInstance[],
  shards: number,
): Promise<void> {
  const packs = packNumbers(
    instances.map(({ firstJob }) => firstJob),
    shards,
  );
  await db.query(
    `
    with input as materialized (
      select *
      from json_to_recordset($1::json) as t (
        ord integer, instance_id uuid, name text, foreign_id text, steps text, created_at timestamptz,
        job_id uuid, type text, status text, payload text, priority smallint, max_retries integer, traceparent text,
        retry text, topic text, pack integer, message text
      )
    ), instance as (
      insert into workflow_instances (id, name, foreign_id, status, steps, created_at)
      select instance_id, name, foreign_id, 'running', steps::json, created_at from input order by ord
    ), job as (
      insert into jobs (
        id, type, status, payload, priority, max_retries, created_at, run_at, instance_id, step_index, traceparent,
        retry, dispatches, queued_at
      )
      select
        job_id, type, status, payload::json, priority, max_retries, created_at, created_at, instance_id, 0, traceparent,
        retry::json, case when message is null then 0 else 1 end, clock_timestamp()
      from input
      order by ord
    ), audited as (
      insert into audit_log (actor, action, job_id, instance_id)
      select 'api', 'WORKFLOW_STARTED', job_id, instance_id from input
    )
    insert into dispatch_outbox (topic, message_count, messages, shard_key, packed_for)
    select
      topic, count(*), string_agg(decode(message, 'base64'), ''::bytea order by ord), pack % $2::smallint, $2::smallint
    from input
    where message is not null
    group by topic, pack
    order by min(ord)
    `,
    [JSON.stringify(instances.map((instance, ord) => instanceRow(instance, ord, packs[ord] ?? 0))), shards],
  );
}

function instanceRow(instance: NewInstance, ord: number, pack: number) {
  const job = instance.firstJob;
  return {
    ord,
    instance_id: instance.id,
    name: instance.name,
    foreign_id: instance.foreignId,
    steps: stepsDocument(instance),
    created_at: instance.createdAt,
    job_id: job.id,
    type: job.type,
    status: job.status,
    payload: job.payload,
    priority: job.priority,
    max_retries: job.maxRetries,
    retry: job.retry && JSON.stringify(job.retry),
    traceparent: job.traceparent,
    topic: job.dispatch?.topic,
    pack,
    message: job.dispatch?.message.toString('base64'),
  };
}

/** The steps as one JSON text, with each payload spliced in as it was sent. */
function stepsDocument({ steps }: NewInstance): string {
  const documents = steps.map(
    ({ payload, ...step }) => `${JSON.stringify(step).slice(0, -1)},"payload":${payload}}`,
  );
  return `[${documents.join(',')}]`;
}
