import type { NewJob } from '../../../engine/commit.ts';
import { laneOf } from '../../../engine/limits.ts';
import { byteaArray, intArray, jsonArray, textArray, timestamptzArray, uuidArray } from '../binary-array.ts';
import { dispatchIds, packNumbers, readyPacks } from '../packs.ts';
import type { Database } from './database.ts';

/**
 * Writes the jobs and one outbox row a pack of their messages; no outbox row while the write-ahead log may grow no further
 * (`dispatch_fallback`, looked up once a statement).
 * @returns for each job whether it was written; false means that its idempotency key or unique key was taken
 */
export async function insertJobs(db: Database, jobs: readonly NewJob[], shards: number): Promise<boolean[]> {
  if (jobs.some(isSpecial)) return insertSpecial(db, jobs, shards);
  await insertPlain(db, jobs, shards);
  return jobs.map(() => true);
}

/** What most jobs are without, so that the statement for those need not look at it. */
function isSpecial({ idempotencyKey, retry, status, unique }: NewJob): boolean {
  // One with limits is pending.
  return idempotencyKey !== undefined || retry !== undefined || status === 'pending' || unique !== undefined;
}

/** Jobs without keys are all written or none, so their packs are made here, and the statement joins nothing. */
async function insertPlain(db: Database, jobs: readonly NewJob[], shards: number): Promise<void> {
  const packs = readyPacks(jobs, shards);
  await db.query(
    `
    with inserted as (
      insert into jobs (
        id, type, status, payload, priority, max_retries, created_at, run_at, partition_key, traceparent, dispatches,
        dispatch_id, queued_at
      )
      select
        id, type, status, payload, priority, max_retries, created_at, coalesce(run_at, created_at), partition_key,
        traceparent, case when dispatches is null or (select dispatch_fallback from millrace_settings) then 0 else 1 end,
        case when not (select dispatch_fallback from millrace_settings) then dispatch_id end,
        case when status = 'queued' then clock_timestamp() end
      from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::json[], $5::integer[], $6::integer[], $7::timestamptz[],
        $8::timestamptz[], $9::text[], $10::text[], $11::integer[], $12::uuid[]
      ) as t (
        id, type, status, payload, priority, max_retries, created_at, run_at, partition_key, traceparent, dispatches,
        dispatch_id
      )
    )
    insert into dispatch_outbox (topic, message_count, messages, dispatch_id, shard_key, packed_for)
    select topic, message_count, messages, dispatch_id, shard, $18::smallint
    from unnest($13::text[], $14::integer[], $15::bytea[], $16::uuid[], $17::integer[]) as t (
      topic, message_count, messages, dispatch_id, shard
    )
    where not (select dispatch_fallback from millrace_settings)
    `,
    [
      ...commonColumns(jobs),
      textArray(jobs.map((job) => job.partitionKey)),
      textArray(jobs.map((job) => job.traceparent)),
      intArray(jobs.map((job) => (job.dispatch ? 1 : undefined))),
      uuidArray(packs.some(({ dispatchId }) => dispatchId) ? dispatchIds(jobs, shards) : []),
      textArray(packs.map(({ topic }) => topic)),
      intArray(packs.map(({ count }) => count)),
      byteaArray(packs.map(({ bytes }) => bytes)),
      uuidArray(packs.map(({ dispatchId }) => dispatchId)),
      intArray(packs.map(({ shard }) => shard)),
      shards,
    ],
    'enqueue-plain',
  );
}

/**
 * Which of the jobs are written is known only to the statement, so it makes the packs. Keys are taken in their order: two
 * groups with the same keys would otherwise wait for each other until the deadlock timeout.
 */
async function insertSpecial(db: Database, jobs: readonly NewJob[], shards: number): Promise<boolean[]> {
  const { rows } = await db.query<{ created: boolean }>(
    `
    with input as materialized (
      select *
      from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::json[], $5::integer[], $6::integer[], $7::timestamptz[],
        $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::integer[], $15::bytea[],
        $16::text[], $17::uuid[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[]
      ) with ordinality as t (
        id, type, status, payload, priority, max_retries, created_at, run_at, partition_key, traceparent, idempotency_key,
        request_hash, topic, pack, message, retry, dispatch_id, unique_key, limits, limit_lane, concurrency_key, rate_key, ord
      )
    ), inserted as (
      insert into jobs (
        id, type, status, payload, priority, max_retries, created_at, run_at, idempotency_key, request_hash,
        partition_key, traceparent, retry, unique_key, limits, limit_lane, concurrency_key, rate_key, dispatches,
        dispatch_id, queued_at
      )
      select
        id, type, status, payload, priority, max_retries, created_at, coalesce(run_at, created_at), idempotency_key,
        request_hash, partition_key, traceparent, retry::json, unique_key, limits::json, millrace.tenant_key(limit_lane),
        millrace.tenant_key(concurrency_key), millrace.tenant_key(rate_key),
        case when message is null or (select dispatch_fallback from millrace_settings) then 0 else 1 end,
        case when not (select dispatch_fallback from millrace_settings) then dispatch_id end,
        case when status = 'queued' then clock_timestamp() end
      from input
      order by idempotency_key, ord
      -- Of either key.
      on conflict do nothing
      returning id
    ), outbox as (
      insert into dispatch_outbox (topic, message_count, messages, dispatch_id, shard_key, packed_for)
      select
        input.topic, count(*), string_agg(input.message, ''::bytea order by input.ord),
        case when count(*) > 1 then input.dispatch_id end, input.pack % $23::smallint, $23::smallint
      from input
      join inserted on inserted.id = input.id
      where input.message is not null and not (select dispatch_fallback from millrace_settings)
      group by input.topic, input.pack, input.dispatch_id
      order by min(input.ord)
    )
    select
      inserted.id is not null as created,
      (
        select millrace_wake_due(min(run_at)) from input where status = 'pending' and limit_lane is null having count(*) > 0
      ),
      (select pg_notify('millrace_limits', '') from input where limit_lane is not null limit 1)
    from input
    left join inserted on inserted.id = input.id
    order by input.ord
    `,
    [
      ...commonColumns(jobs),
      textArray(jobs.map((job) => job.partitionKey)),
      textArray(jobs.map((job) => job.traceparent)),
      textArray(jobs.map((job) => job.idempotencyKey)),
      byteaArray(jobs.map((job) => job.requestHash)),
      textArray(jobs.map((job) => job.dispatch?.topic)),
      intArray(packNumbers(jobs, shards)),
      byteaArray(jobs.map((job) => job.dispatch?.message)),
      textArray(jobs.map((job) => job.retry && JSON.stringify(job.retry))),
      uuidArray(dispatchIds(jobs, shards)),
      textArray(jobs.map((job) => job.unique?.key)),
      textArray(jobs.map((job) => job.limits && JSON.stringify(job.limits))),
      textArray(jobs.map((job) => job.limits && laneOf(job.limits))),
      textArray(jobs.map((job) => job.limits?.concurrency?.key)),
      textArray(jobs.map((job) => job.limits?.rate?.key)),
      shards,
    ],
    'enqueue-special',
  );
  return rows.map(({ created }) => created);
}

function commonColumns(jobs: readonly NewJob[]): (Buffer | null)[] {
  return [
    uuidArray(jobs.map((job) => job.id)),
    textArray(jobs.map((job) => job.type)),
    textArray(jobs.map((job) => job.status)),
    jsonArray(jobs.map((job) => job.payload)),
    intArray(jobs.map((job) => job.priority)),
    intArray(jobs.map((job) => job.maxRetries)),
    timestamptzArray(jobs.map((job) => job.createdAt)),
    timestamptzArray(jobs.map((job) => job.runAt)),
  ];
}
