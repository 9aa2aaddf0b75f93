import type { Database } from './database.ts';

/**
 * What a person looks at every second, so no statement here may read more than a bounded number of rows: counts stop at
 * {@link COUNT_LIMIT}, rates are of the newest jobs.
 */
export const COUNT_LIMIT = 10_000;
const NEWEST = 5_000;
/** Of the chart, in seconds: 60 bars of 5. */
const CHART = { bars: 60, width: 5 } as const;

export interface OverviewRow {
  readonly mode: string;
  readonly fallback: boolean;
  readonly wal_pressure: string;
  readonly waiting: number;
  readonly queued: number;
  readonly running: number;
  readonly dead_letters: number;
  readonly running_workflows: number;
  readonly backlog_messages: number;
  readonly backlog_oldest_seconds: number | null;
  readonly queued_oldest_seconds: number | null;
  /** JSON text. */
  readonly leaders: string;
}

export async function selectOverview(db: Database): Promise<OverviewRow | undefined> {
  const { rows } = await db.query<OverviewRow>(
    `
    select
      dispatch_mode as mode,
      dispatch_fallback as fallback,
      wal_pressure,
      (select count(*)::integer from (select from jobs where status in ('pending', 'retrying') limit $1::integer) as counted)
        as waiting,
      (select count(*)::integer from (select from jobs where status = 'queued' limit $1::integer) as counted) as queued,
      (select count(*)::integer from (select from jobs where status = 'running' limit $1::integer) as counted) as running,
      (select count(*)::integer from (select from jobs where status = 'dead_letter' limit $1::integer) as counted)
        as dead_letters,
      (select count(*)::integer from (select from workflow_instances where status = 'running' limit $1::integer) as counted)
        as running_workflows,
      (select coalesce(sum(message_count), 0)::integer from (select message_count from dispatch_outbox limit $1::integer) as counted)
        + least(millrace.logged_backlog(), $1)::integer as backlog_messages,
      (select extract(epoch from clock_timestamp() - created_at)::double precision from dispatch_outbox order by id limit 1)
        as backlog_oldest_seconds,
      (
        select extract(epoch from clock_timestamp() - min(queued_at))::double precision
        from (select queued_at from jobs where status = 'queued' limit $1::integer) as counted
      ) as queued_oldest_seconds,
      coalesce(
        (
          select json_agg(json_build_object('name', name, 'leader', leader, 'term', term::text) order by name)
          from (
            select slot_name as name, leader, term from relay_state where dispatch_mode = 'kafka_outbox'
            union all
            select role, holder, term from role_terms where dispatch_mode = 'polling'
          ) as leaders
        ),
        '[]'
      )::text as leaders
    from millrace_settings
    `,
    [COUNT_LIMIT + 1],
  );
  return rows[0];
}

export interface RecentRow {
  /** How far back the newest jobs go, in seconds; at most the whole chart. */
  readonly covers_seconds: number;
  readonly accepted_per_second: number;
  readonly completed_per_second: number;
  readonly failed_per_second: number;
  readonly latency_p50_ms: number | null;
  readonly latency_p95_ms: number | null;
  /** Oldest first. */
  readonly accepted: readonly number[];
  readonly completed: readonly number[];
}

/** The rates of the last ten seconds, or of as many as the newest jobs go back. */
export async function selectRecent(db: Database): Promise<RecentRow | undefined> {
  const { rows } = await db.query<RecentRow>(
    `
    with newest as materialized (
      select status, created_at, completed_at from jobs order by id desc limit $1::integer
    ), span as (
      select
        case when count(*) < $1::integer then $2::integer * $3::integer
          else least($2::integer * $3::integer, extract(epoch from clock_timestamp() - min(created_at)))
        end::double precision as seconds,
        clock_timestamp() as until
      from newest
    ), rates as (
      select
        greatest(least(seconds, 10), 0.1) as rate_seconds,
        count(*) filter (where created_at > until - interval '10 seconds') as accepted,
        count(*) filter (where status = 'completed' and completed_at > until - interval '10 seconds') as completed,
        count(*) filter (where status = 'dead_letter' and completed_at > until - interval '10 seconds') as failed,
        percentile_cont(array[0.5, 0.95]) within group (order by extract(epoch from completed_at - created_at) * 1000)
          filter (where status = 'completed' and completed_at > until - interval '1 minute') as latencies
      from span
      left join newest on true
      group by seconds
    )
    select
      seconds as covers_seconds,
      accepted / rate_seconds as accepted_per_second,
      completed / rate_seconds as completed_per_second,
      failed / rate_seconds as failed_per_second,
      latencies[1] as latency_p50_ms,
      latencies[2] as latency_p95_ms,
      array(
        select count(created_at)::integer
        from generate_series($2::integer - 1, 0, -1) as bar
        left join newest on floor(extract(epoch from until - created_at) / $3::integer) = bar
        group by bar
        order by bar desc
      ) as accepted,
      array(
        select count(completed_at)::integer
        from generate_series($2::integer - 1, 0, -1) as bar
        left join newest
          on status = 'completed' and floor(extract(epoch from until - completed_at) / $3::integer) = bar
        group by bar
        order by bar desc
      ) as completed
    from span
    cross join rates
    `,
    [NEWEST, CHART.bars, CHART.width],
  );
  return rows[0];
}

export interface RelayShardRow {
  readonly slot: string;
  readonly leader: string;
  readonly term: string;
  readonly watermark: string | null;
  readonly rebuild_reason: string | null;
  readonly handed_over: boolean;
  readonly updated_at: Date;
  /** All null when the server has no such slot. */
  readonly active: boolean | null;
  readonly wal_status: string | null;
  readonly confirmed_lsn: string | null;
  readonly retained_bytes: number | null;
  readonly behind_bytes: number | null;
}

export async function selectRelayShards(db: Database): Promise<RelayShardRow[]> {
  const { rows } = await db.query<RelayShardRow>(`
    select
      state.slot_name as slot, state.leader, state.term::text, state.confirmed_lsn::text as watermark,
      state.rebuild_reason, state.handed_over_term is not distinct from state.term as handed_over, state.updated_at,
      slots.active, slots.wal_status, slots.confirmed_flush_lsn::text as confirmed_lsn,
      pg_wal_lsn_diff(wal.insert_lsn, slots.restart_lsn)::double precision as retained_bytes,
      pg_wal_lsn_diff(wal.insert_lsn, slots.confirmed_flush_lsn)::double precision as behind_bytes
    from relay_state as state
    left join pg_replication_slots as slots on slots.slot_name = state.slot_name
    cross join (select case when pg_is_in_recovery() then null else pg_current_wal_lsn() end as insert_lsn) as wal
    order by state.slot_name
  `);
  return rows;
}

export interface RelaySettingsRow {
  readonly mode: string;
  readonly shards: number;
  readonly resharding: boolean;
  readonly wal_pressure: string;
  readonly wal_budget_bytes: number | null;
  readonly fallback: boolean;
  readonly undecodable_records: number;
}

export async function selectRelaySettings(db: Database): Promise<RelaySettingsRow | undefined> {
  const { rows } = await db.query<RelaySettingsRow>(
    `
    select
      dispatch_mode as mode, relay_shards::integer as shards, resharding, wal_pressure,
      wal_budget_bytes::double precision, dispatch_fallback as fallback,
      (select count(*)::integer from (select from undecodable_records limit $1::integer) as counted) as undecodable_records
    from millrace_settings
    `,
    [COUNT_LIMIT + 1],
  );
  return rows[0];
}

export interface TypeRow {
  readonly type: string;
  readonly queued: number;
  readonly oldest_queued_seconds: number | null;
  readonly running: number;
  readonly workers: number;
  readonly dead_letters: number;
}

/** Each registered type, with what waits and runs of it. */
export async function selectTypeLoads(db: Database): Promise<TypeRow[]> {
  const { rows } = await db.query<TypeRow>(
    `
    with running as (
      select type, worker_id from jobs where status = 'running' limit $1::integer
    ), dead as (
      select type from jobs where status = 'dead_letter' limit $1::integer
    )
    select
      job_types.type,
      queued.count as queued,
      queued.oldest_seconds as oldest_queued_seconds,
      (select count(*)::integer from running where running.type = job_types.type) as running,
      (select count(distinct worker_id)::integer from running where running.type = job_types.type) as workers,
      (select count(*)::integer from dead where dead.type = job_types.type) as dead_letters
    from job_types
    cross join lateral (
      select
        count(*)::integer as count,
        extract(epoch from clock_timestamp() - min(queued_at))::double precision as oldest_seconds
      from (
        select queued_at from jobs where status = 'queued' and jobs.type = job_types.type limit $1::integer
      ) as counted
    ) as queued
    order by job_types.type
    limit 1000
    `,
    [COUNT_LIMIT + 1],
  );
  return rows;
}
