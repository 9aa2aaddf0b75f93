import type { NewJob } from '../../../engine/commit.ts';
import { MAX_PACK_BYTES, MAX_PACK_MESSAGES } from '../../../events/pack.ts';
import type { Database } from './database.ts';

/**
 * Writes the jobs, and packs the messages of those that were written into one outbox row a topic, in one statement. Keys
 * are taken in their order: two groups with the same keys would otherwise wait for each other until the deadlock timeout.
 * @returns for each job whether it was written; false means that its idempotency key was taken
 */
export async function insertJobs(db: Database, jobs: readonly NewJob[]): Promise<boolean[]> {
  const { rows } = await db.query<{ created: boolean }>(
    `
    with input as (
      select *
      from unnest(
        $1::uuid[], $2::text[], $3::text[], $4::json[], $5::smallint[], $6::integer[], $7::timestamptz[],
        $8::timestamptz[], $9::text[], $10::bytea[], $11::text[], $12::text[], $13::text[], $14::integer[], $15::bytea[]
      ) with ordinality as t (
        id, type, status, payload, priority, max_retries, created_at,
        run_at, idempotency_key, request_hash, partition_key, traceparent, topic, pack, message, ord
      )
    ), inserted as (
      insert into jobs (
        id, type, status, payload, priority, max_retries, created_at, run_at, idempotency_key, request_hash,
        partition_key, traceparent, dispatches, queued_at
      )
      select
        id, type, status, payload, priority, max_retries, created_at, coalesce(run_at, created_at), idempotency_key,
        request_hash, partition_key, traceparent,
        case when message is null then 0 else 1 end,
        case when status = 'queued' then clock_timestamp() end
      from input
      order by idempotency_key, ord
      on conflict (idempotency_key) where idempotency_key is not null do nothing
      returning id
    ), outbox as (
      insert into dispatch_outbox (topic, message_count, messages)
      select input.topic, count(*), string_agg(input.message, ''::bytea order by input.ord)
      from input
      join inserted on inserted.id = input.id
      where input.message is not null
      group by input.topic, input.pack
      order by min(input.ord)
    )
    select inserted.id is not null as created
    from input
    left join inserted on inserted.id = input.id
    order by input.ord
    `,
    columns(jobs),
  );
  return rows.map(({ created }) => created);
}

function columns(jobs: readonly NewJob[]): unknown[] {
  const packs = packNumbers(jobs);
  return [
    jobs.map((job) => job.id),
    jobs.map((job) => job.type),
    jobs.map((job) => job.status),
    jobs.map((job) => job.payload),
    jobs.map((job) => job.priority),
    jobs.map((job) => job.maxRetries),
    jobs.map((job) => job.createdAt),
    jobs.map((job) => job.runAt ?? null),
    jobs.map((job) => job.idempotencyKey ?? null),
    jobs.map((job) => job.requestHash ?? null),
    jobs.map((job) => job.partitionKey ?? null),
    jobs.map((job) => job.traceparent ?? null),
    jobs.map((job) => job.dispatch?.topic ?? null),
    packs,
    jobs.map((job) => job.dispatch?.message ?? null),
  ];
}

/** Numbers the packs of each topic so that none grows beyond the limits; jobs without a message get 0. */
export function packNumbers(jobs: readonly Pick<NewJob, 'dispatch'>[]): number[] {
  const open = new Map<string, { number: number; count: number; bytes: number }>();
  return jobs.map(({ dispatch }) => {
    if (!dispatch) return 0;
    const pack = open.get(dispatch.topic) ?? { number: 0, count: 0, bytes: 0 };
    const full = pack.count === MAX_PACK_MESSAGES || pack.bytes + dispatch.message.length > MAX_PACK_BYTES;
    if (full && pack.count > 0) Object.assign(pack, { number: pack.number + 1, count: 0, bytes: 0 });
    pack.count += 1;
    pack.bytes += dispatch.message.length;
    open.set(dispatch.topic, pack);
    return pack.number;
  });
}
