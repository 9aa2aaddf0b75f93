import type { JobRow } from '../rows.ts';
import type { Database } from './database.ts';

/** One admission at a time, so that what it counts cannot rise meanwhile. Given back when the transaction ends. */
export async function tryLockAdmission(db: Database): Promise<boolean> {
  const { rows } = await db.query<{ locked: boolean }>(
    `select pg_try_advisory_xact_lock(hashtextextended('millrace admission', 0)) as locked`,
  );
  return rows[0]?.locked ?? false;
}

/** The lanes in which jobs wait, walked through the index, one step each. Needs `with recursive`. */
const lane = `
  lane as (
    (
      select limit_lane
      from jobs
      where limit_lane is not null and status in ('pending', 'retrying')
      order by limit_lane
      limit 1
    )
    union all
    select (
      select jobs.limit_lane
      from jobs
      where jobs.limit_lane > lane.limit_lane and jobs.status in ('pending', 'retrying')
      order by jobs.limit_lane
      limit 1
    )
    from lane
    where lane.limit_lane is not null
  )
`;

export type WaitingRow = JobRow & {
  readonly concurrency_key: string | null;
  readonly rate_key: string | null;
};

/**
 * Due jobs that wait for a limit, of each lane the next ones and no more than its first has room for: lanes that are full are
 * passed over, so that none keeps the others from being looked at.
 */
export async function selectWaiting(db: Database, limit: number): Promise<WaitingRow[]> {
  const { rows } = await db.query<WaitingRow>(
    `
    with recursive ${lane}
    select next.*
    from lane
    cross join lateral (
      select concurrency_key, rate_key, limits
      from jobs
      where limit_lane = lane.limit_lane and status in ('pending', 'retrying') and run_at <= clock_timestamp()
      order by priority desc, id
      limit 1
    ) as head
    cross join lateral (
      select least(
        100,
        (head.limits #>> '{concurrency,limit}')::integer - (
          select count(*)
          from jobs
          where concurrency_key = head.concurrency_key and status in ('queued', 'running')
        ),
        (head.limits #>> '{rate,limit}')::integer - (
          select count(*) from jobs where rate_key = head.rate_key and status = 'queued'
        ) - (
          select count(*)
          from rate_starts
          where key = head.rate_key
            and at > clock_timestamp() - (head.limits #>> '{rate,per_seconds}')::integer * interval '1 second'
        )
      ) as places
    ) as room
    cross join lateral (
      select *
      from jobs
      where limit_lane = lane.limit_lane and status in ('pending', 'retrying') and run_at <= clock_timestamp()
      order by priority desc, id
      limit greatest(0, room.places)
    ) as next
    limit $1::integer
    `,
    [limit],
  );
  return rows;
}

export interface UsageRow {
  kind: 'open' | 'not_started' | 'start';
  key: string;
  count: number | null;
  at: Date | null;
  now: Date;
}

/** What the limits of these keys are held against: a row a key that is in use, and one a start. */
export async function selectUsage(
  db: Database,
  keys: {
    readonly concurrency: readonly string[];
    readonly rate: readonly string[];
    readonly perSeconds: number;
  },
): Promise<UsageRow[]> {
  const { rows } = await db.query<UsageRow>(
    `
    select 'open' as kind, concurrency_key as key, count(*)::integer as count, null::timestamptz as at,
      clock_timestamp() as now
    from jobs
    where concurrency_key = any ($1::text[]) and status in ('queued', 'running')
    group by concurrency_key
    union all
    select 'not_started', rate_key, count(*)::integer, null, clock_timestamp()
    from jobs
    where rate_key = any ($2::text[]) and status = 'queued'
    group by rate_key
    union all
    select 'start', key, null, at, clock_timestamp()
    from rate_starts
    where key = any ($2::text[]) and at > clock_timestamp() - $3::integer * interval '1 second'
    `,
    [keys.concurrency, keys.rate, keys.perSeconds],
  );
  return rows;
}

/** Until the next waiting job is due, or the oldest start of a rate is so no longer; null when neither will be. */
export async function selectNextAdmission(db: Database): Promise<number | null> {
  const { rows } = await db.query<{ ms: number | null }>(
    `
    with recursive ${lane}, moment as (
      select (
        select min(jobs.run_at)
        from jobs
        where jobs.limit_lane = lane.limit_lane
          and jobs.status in ('pending', 'retrying')
          and jobs.run_at > clock_timestamp()
      ) as at
      from lane
      union all
      select (
        select min(rate_starts.at) + head.per
        from rate_starts
        where rate_starts.key = head.rate_key and rate_starts.at > clock_timestamp() - head.per
      )
      from lane
      cross join lateral (
        select jobs.rate_key, (jobs.limits #>> '{rate,per_seconds}')::integer * interval '1 second' as per
        from jobs
        where jobs.limit_lane = lane.limit_lane and jobs.status in ('pending', 'retrying')
        order by jobs.priority desc, jobs.id
        limit 1
      ) as head
    )
    select greatest(0, extract(epoch from min(at) - clock_timestamp()) * 1000)::double precision as ms
    from moment
    having min(at) is not null
    `,
  );
  return rows[0]?.ms ?? null;
}

/** No rate looks further back than a day. */
export async function purgeStarts(db: Database, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `
    delete from rate_starts
    where ctid = any (array(
      select ctid from rate_starts where at < clock_timestamp() - interval '1 day' limit $1::integer for update skip locked
    ))
    `,
    [limit],
  );
  return rowCount ?? 0;
}
