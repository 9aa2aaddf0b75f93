import type { NewSchedule, ScheduleTick } from '../../../engine/ports/schedule-store.ts';
import type { Database } from './database.ts';

export interface ScheduleRow {
  name: string;
  tenant: string;
  cron: string;
  time_zone: string;
  missed: string;
  missed_limit: number;
  type: string | null;
  definition_id: string | null;
  payload: string;
  max_retries: number;
  retry: string | null;
  priority: number;
  partition_key: string | null;
  enabled: boolean;
  source: string;
  revision: number;
  next_run_at: Date | null;
  last_run_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

const columns = `
  name, tenant, cron, time_zone, missed, missed_limit, type, payload, max_retries, retry, priority, partition_key, enabled, source, definition_id,
  revision::double precision as revision, next_run_at, last_run_at, created_at, updated_at`;

export async function insertSchedule(db: Database, schedule: NewSchedule): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    insert into schedules (
      name, cron, time_zone, missed, missed_limit, type, payload, max_retries, retry, priority, partition_key, enabled,
      source, next_run_at, definition_id
    )
    values (
      $1::text, $2::text, $3::text, $4::text, $5::integer, $6::text, $7::json, $8::integer, $9::json, $10::smallint,
      $11::text, $12::boolean, $13::text, $14::timestamptz, $15::text
    )
    on conflict (name, tenant) do nothing
    `,
    values(schedule),
  );
  return rowCount === 1;
}

export async function updateSchedule(
  db: Database,
  schedule: NewSchedule,
  expectedRevision: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    update schedules
    set
      cron = $2::text, time_zone = $3::text, missed = $4::text, missed_limit = $5::integer, type = $6::text,
      payload = $7::json, max_retries = $8::integer, retry = $9::json, priority = $10::smallint, partition_key = $11::text,
      enabled = $12::boolean, source = $13::text, next_run_at = $14::timestamptz, definition_id = $15::text, revision = revision + 1,
      updated_at = clock_timestamp()
    where name = $1::text and tenant = millrace.current_tenant() and revision = $16::bigint
    `,
    [...values(schedule), expectedRevision],
  );
  return rowCount === 1;
}

export async function deleteSchedule(db: Database, name: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'delete from schedules where name = $1::text and tenant = millrace.current_tenant()',
    [name],
  );
  return rowCount === 1;
}

export async function selectSchedule(db: Database, name: string): Promise<ScheduleRow | undefined> {
  const { rows } = await db.query<ScheduleRow>(
    `select ${columns} from schedules where name = $1::text and tenant = millrace.current_tenant()`,
    [name],
  );
  return rows[0];
}

/** Of whoever asks. By the order of code points, which is that of the cursor whatever the database's collation. */
export async function selectSchedulePage(
  db: Database,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<ScheduleRow[]> {
  const { rows } = await db.query<ScheduleRow>(
    `
    select ${columns}
    from schedules
    where tenant = millrace.current_tenant() and ($1::text is null or name collate "C" > $1)
    order by name collate "C"
    limit $2::integer
    `,
    [after ?? null, limit],
  );
  return rows;
}

export async function selectDueSchedules(
  db: Database,
  limit: number,
): Promise<(ScheduleRow & { now: Date })[]> {
  const { rows } = await db.query<ScheduleRow & { now: Date }>(
    `
    select ${columns}, clock_timestamp() as now
    from schedules
    where next_run_at <= clock_timestamp()
    order by next_run_at
    limit $1::integer
    `,
    [limit],
  );
  return rows;
}

export async function selectNextTick(db: Database): Promise<number | null> {
  const { rows } = await db.query<{ ms: number | null }>(
    `
    select greatest(0, extract(epoch from next_run_at - clock_timestamp()) * 1000)::double precision as ms
    from schedules
    where next_run_at is not null
    order by next_run_at
    limit 1
    `,
  );
  return rows[0]?.ms ?? null;
}

/**
 * The first statement of a tick: whoever gets past it may enqueue the tick's jobs in the same transaction, and what that writes
 * from here on is of the schedule's tenant. The leader who does it is of none, and sees the schedules of all.
 */
export async function advanceSchedule(db: Database, tick: ScheduleTick): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    update schedules
    set
      next_run_at = $3::timestamptz, last_run_at = coalesce($4::timestamptz, last_run_at), revision = revision + 1,
      updated_at = clock_timestamp()
    where name = $1::text and tenant = $5::text and revision = $2::bigint and enabled
    returning set_config('millrace.tenant', tenant, true)
    `,
    [tick.name, tick.expectedRevision, tick.nextRunAt, tick.lastRunAt ?? null, tick.tenant ?? ''],
  );
  return rowCount === 1;
}

function values(schedule: NewSchedule): unknown[] {
  return [
    schedule.name,
    schedule.cron,
    schedule.timeZone,
    schedule.missed,
    schedule.missedLimit,
    schedule.type,
    schedule.payload,
    schedule.maxRetries,
    schedule.retry && JSON.stringify(schedule.retry),
    schedule.priority,
    schedule.partitionKey,
    schedule.enabled,
    schedule.source,
    schedule.nextRunAt,
    schedule.definition,
  ];
}
