import type { PollRequest } from '../../../engine/ports/record-store.ts';
import { type JobRow, jobColumns } from '../rows.ts';
import type { Database } from './database.ts';

/**
 * Takes up to `limit` queued jobs of the types, in the order of their turn, passing over what others take at this moment.
 *
 * `type = any(…) order by priority desc, id` alone would sort all that is queued, because an index on (type, …) gives no
 * order across types. So `front` looks, without locking, at the head of each type's part of `jobs_queued` and finds how
 * many of the next jobs are of which type; then as many are locked of each, again in the order of the index. Locking the
 * whole head of each type instead would lock, and write, up to `limit` rows a type only to release them. A type that has
 * jobs but none at the front gets one place all the same where there is room: when others hold the front, there is then
 * still something to take.
 */
const takeInTurn = `
  with front as (
    select head.type, head.in_turn
    from (
      select next.type, row_number() over (order by next.priority desc, next.id) <= $2::integer as in_turn
      from unnest($1::text[]) as wanted (type)
      cross join lateral (
        select jobs.type, jobs.priority, jobs.id
        from jobs
        where jobs.status = 'queued' and jobs.type = wanted.type
        order by jobs.priority desc, jobs.id
        limit $2::integer
      ) as next
      where cardinality($1::text[]) > 1
    ) as head
  ), place as (
    select
      type,
      greatest(count(*) filter (where in_turn), case when cardinality($1::text[]) <= $2::integer then 1 end) as places
    from front
    group by type
    union all
    select ($1::text[])[1], $2::integer where cardinality($1::text[]) = 1
  ), locked as materialized (
    select free.*
    from place
    cross join lateral (
      select jobs.id, jobs.priority, octet_length(jobs.payload::text) as bytes
      from jobs
      where jobs.status = 'queued' and jobs.type = place.type
      order by jobs.priority desc, jobs.id
      limit place.places
      for update skip locked
    ) as free
    order by free.priority desc, free.id
    limit $2::integer
  ), taken as (
    select id
    from (select id, bytes, sum(bytes) over (order by priority desc, id) as total from locked) as sized
    where total - bytes < $3::bigint
  ), claimed as (
    update jobs
    set
      status = 'running',
      attempt = jobs.attempt + 1,
      token = millrace.claim_token($6::text, jobs.id, jobs.attempt + 1),
      worker_id = $4::text,
      lease_until = clock_timestamp() + $5::double precision * interval '1 millisecond',
      lenient_lease = $7::boolean,
      started_at = clock_timestamp(),
      updated_at = clock_timestamp()
    where jobs.id = any (array(select id from taken)) and jobs.status = 'queued'
    returning ${jobColumns}
  )
  select * from claimed order by priority desc, id
`;

export async function pollJobs(db: Database, request: PollRequest): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(takeInTurn, values(request));
  return rows;
}

/** How the server goes about it, for the test that it never sorts what is queued. */
export async function explainPoll(db: Database, request: PollRequest): Promise<string> {
  const { rows } = await db.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, costs off) ${takeInTurn}`,
    values(request),
  );
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

function values(request: PollRequest): unknown[] {
  return [
    request.types,
    request.limit,
    request.payloadBytes,
    request.workerId,
    request.leaseMs,
    request.claimId,
    request.lenient ?? false,
  ];
}

/**
 * What this very poll took before, with its leases extended: the caller counts them from now, and a job that is extended is
 * not given back for the first answer's being lost. It looks at all that runs, which is why a poll is only answered so when
 * its caller says that an answer was lost.
 */
export async function retakePolled(db: Database, request: PollRequest): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    `
    with extended as (
      update jobs
      set
        lease_until = clock_timestamp() + $3::double precision * interval '1 millisecond',
        updated_at = clock_timestamp()
      where status = 'running'
        and worker_id = $1::text
        and token = millrace.claim_token($2::text, id, attempt)
      returning ${jobColumns}
    )
    select * from extended order by priority desc, id
    `,
    [request.workerId, request.claimId, request.leaseMs],
  );
  return rows;
}
