import type { PollRequest } from '../../../engine/ports/record-store.ts';
import { type JobRow, jobColumns } from '../rows.ts';
import type { Database } from './database.ts';
import { heldUnderTheClaim, leased } from './lease.ts';

/** A stretch of what is queued of a type: these priorities, both ends included, and in each what comes after the id. */
export interface Stretch {
  readonly type: string;
  readonly lowest: number;
  readonly highest: number;
  readonly after: string;
}

/**
 * The next of a stretch, in the order of the index jobs_queued, which begins to be read at `highest` and `after`. As a range
 * also where it is one priority: an equality would let the planner walk the primary key instead, past all that is not queued.
 * No attempt is below 0, so that the comparison of rows says `priority >= lowest`, and the index is read so far; written like
 * that it would be taken for a narrow range, which is cheap to sort, and all that is queued was sorted.
 */
function nextOf(stretch: Readonly<Record<keyof Stretch, string>>): string {
  return `
    jobs.status = 'queued'
      and jobs.type = ${stretch.type}
      and jobs.priority <= ${stretch.highest}
      and (jobs.priority, jobs.attempt) > (${stretch.lowest}, -1)
      and jobs.id > ${stretch.after}
    order by jobs.priority desc, jobs.id
  `;
}

/** Of what is locked, in its turn: as much as the payloads may have bytes ($6) together, and one at the least. */
function withinBytes(locked: string): string {
  return `
    select id
    from (select id, bytes, sum(bytes) over (order by priority desc, id) as total from ${locked}) as sized
    where total - bytes < $6::bigint
  `;
}

const sized = 'jobs.id, jobs.priority, octet_length(jobs.payload::text) as bytes';

const nextOfOne = nextOf({
  type: '$7::text',
  lowest: '$8::integer',
  highest: '$9::integer',
  after: '$10::uuid',
});

const lockedOfOne = `(
  select ${sized}
  from jobs
  where ${nextOfOne}
  limit $5::integer
  for update skip locked
) as locked`;

/**
 * Takes up to `limit` queued jobs of one stretch, passing over what others take at this moment. Nearly every poll is this one,
 * and most of what it costs is its planning: a third of that of {@link takeInTurn}.
 */
const takeNext = `
  update jobs
  set ${leased}
  where jobs.status = 'queued' and jobs.id = any (array(${withinBytes(lockedOfOne)}))
  returning ${jobColumns}
`;

const nextOfStretch = nextOf({
  type: 'stretch.type',
  lowest: 'stretch.lowest',
  highest: 'stretch.highest',
  after: 'stretch.after',
});

/**
 * Takes up to `limit` queued jobs of the stretches, in the order of their turn, passing over what others take at this moment.
 *
 * `type = any(…) order by priority desc, id` alone would sort all that is queued, because an index on (type, …) gives no
 * order across types. So `front` looks, without locking, at the head of each stretch and finds how many of the next jobs
 * are in which; then as many are locked of each, again in the order of the index. Locking the whole head of each instead
 * would lock, and write, up to `limit` rows a stretch only to release them. A stretch that has jobs but none at the front
 * gets one place all the same where there is room: when others hold the front, there is then still something to take.
 */
const takeInTurn = `
  with stretch as materialized (
    select stretch.*, count(*) over () as stretches
    from unnest($7::text[], $8::integer[], $9::integer[], $10::uuid[]) with ordinality
      as stretch (type, lowest, highest, after, place)
  ), front as (
    select head.place, head.stretches, head.in_turn
    from (
      select
        stretch.place,
        stretch.stretches,
        row_number() over (order by next.priority desc, next.id) <= $5::integer as in_turn
      from stretch
      cross join lateral (select jobs.priority, jobs.id from jobs where ${nextOfStretch} limit $5::integer) as next
    ) as head
  ), room as (
    select
      place,
      greatest(count(*) filter (where in_turn), case when max(stretches) <= $5::integer then 1 end) as places
    from front
    group by place
  ), locked as materialized (
    select free.*
    from room
    join stretch on stretch.place = room.place
    cross join lateral (
      select ${sized}
      from jobs
      where ${nextOfStretch}
      limit room.places
      for update skip locked
    ) as free
    order by free.priority desc, free.id
    limit $5::integer
  )
  update jobs
  set ${leased}
  where jobs.status = 'queued' and jobs.id = any (array(${withinBytes('locked')}))
  returning ${jobColumns}
`;

export async function pollJobs(
  db: Database,
  request: PollRequest,
  stretches: readonly Stretch[],
): Promise<JobRow[]> {
  const { name, text, values } = statementFor(request, stretches);
  const { rows } = await db.query<JobRow>(text, values, name);
  return rows.sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}

/** How the server goes about it, for the test that it never sorts what is queued. */
export async function explainPoll(
  db: Database,
  request: PollRequest,
  stretches: readonly Stretch[],
): Promise<string> {
  const { text, values } = statementFor(request, stretches);
  const { rows } = await db.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, buffers, costs off) ${text}`,
    values,
  );
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

function statementFor(request: PollRequest, stretches: readonly Stretch[]) {
  const { workerId, leaseMs, claimId, lenient = false, limit, payloadBytes } = request;
  const common = [workerId, leaseMs, claimId, lenient, limit, payloadBytes];
  const [only, ...others] = stretches;
  if (only && others.length === 0) {
    const { type, lowest, highest, after } = only;
    return { name: 'poll', text: takeNext, values: [...common, type, lowest, highest, after] };
  }
  const columns = [
    stretches.map(({ type }) => type),
    stretches.map(({ lowest }) => lowest),
    stretches.map(({ highest }) => highest),
    stretches.map(({ after }) => after),
  ];
  return { name: 'poll-in-turn', text: takeInTurn, values: [...common, ...columns] };
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
        lease_until = clock_timestamp() + $2::double precision * interval '1 millisecond',
        updated_at = clock_timestamp()
      where worker_id = $1::text and ${heldUnderTheClaim('$3')}
      returning ${jobColumns}
    )
    select * from extended order by priority desc, id
    `,
    [request.workerId, request.leaseMs, request.claimId],
  );
  return rows;
}
