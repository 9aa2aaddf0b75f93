import type { Pool } from 'pg';

/** Where the demo's jobs are at this moment. */
export interface Stages {
  readonly accepted: number;
  readonly inOutbox: number;
  readonly published: number;
  readonly running: number;
  readonly completed: number;
  readonly retrying: number;
  readonly deadLetters: number;
}

/** One hop of a job's way: milliseconds at the median and the 99th percentile. */
export interface Hop {
  readonly name: string;
  readonly p50: number;
  readonly p99: number;
}

export async function countStages(pool: Pool, since: Date): Promise<Stages> {
  const { rows } = await pool.query<Record<keyof Stages, string>>(
    `
    select
      (select count(*) from jobs where created_at >= $1) as accepted,
      (select coalesce(sum(message_count), 0) from dispatch_outbox) as "inOutbox",
      (
        select coalesce(sum(coalesce((detail ->> 'messages')::integer, 1)), 0)
        from audit_log
        where action = 'DISPATCHED_VIA_BROKER' and at >= $1
      ) as published,
      (select count(*) from jobs where status = 'running' and created_at >= $1) as running,
      (select count(*) from jobs where status = 'completed' and created_at >= $1) as completed,
      (select count(*) from jobs where status = 'retrying' and created_at >= $1) as retrying,
      (select count(*) from jobs where status = 'dead_letter' and created_at >= $1) as "deadLetters"
    `,
    [since],
  );
  const row = rows[0];
  const number = (key: keyof Stages) => Number(row?.[key] ?? 0);
  return {
    accepted: number('accepted'),
    inOutbox: number('inOutbox'),
    published: number('published'),
    running: number('running'),
    completed: number('completed'),
    retrying: number('retrying'),
    deadLetters: number('deadLetters'),
  };
}

/**
 * The hops of the completed jobs, from what the database itself wrote down. The audit row of a publication is written
 * just after the broker's acknowledgement, in batches, so a fast worker can have claimed the job before it: then the hop
 * counts as 0.
 */
export async function measureHops(pool: Pool, since: Date): Promise<Hop[]> {
  const { rows } = await pool.query<{ name: string; p50: number; p99: number }>(
    `
    with hop as (
      select
        j.created_at, j.started_at, j.completed_at,
        least(min(a.at), j.started_at) as published_at
      from jobs j
      join job_trail a on a.job_id = j.id and a.action = 'DISPATCHED_VIA_BROKER'
      where j.status = 'completed' and j.created_at >= $1
      group by j.id
    ), measured as (
      select 1 as ord, 'accepted → published' as name, published_at - created_at as took from hop
      union all select 2, 'published → claimed', started_at - published_at from hop
      union all select 3, 'claimed → completed', completed_at - started_at from hop
      union all select 4, 'accepted → completed', completed_at - created_at from hop
    )
    select
      name,
      percentile_cont(0.5) within group (order by extract(epoch from took) * 1000)::double precision as p50,
      percentile_cont(0.99) within group (order by extract(epoch from took) * 1000)::double precision as p99
    from measured
    group by ord, name
    order by ord
    `,
    [since],
  );
  return rows;
}
