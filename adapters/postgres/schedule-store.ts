import type { ScheduleStore, ScheduleTick } from '../../engine/ports/schedule-store.ts';
import type { MissedPolicy, ScheduleRecord } from '../../engine/schedule.ts';
import type { StepId } from '../../events/ids.ts';
import { ofTenant } from './instance-rows.ts';
import type { packer } from './packer.ts';
import type { Database } from './sql/database.ts';
import { insertJobs } from './sql/enqueue.ts';
import * as sql from './sql/schedules.ts';
import { startInstances } from './sql/start-instances.ts';
import { inTransaction, type Source } from './transaction.ts';

interface Parts {
  readonly source: Source;
  readonly db: Database;
  readonly packed: ReturnType<typeof packer>;
}

export function createPostgresScheduleStore({ source, db, packed }: Parts): ScheduleStore {
  return {
    insert: (schedule) => sql.insertSchedule(db, schedule),
    update: (schedule, expectedRevision) => sql.updateSchedule(db, schedule, expectedRevision),
    remove: (name) => sql.deleteSchedule(db, name),
    get: async (name) => {
      const row = await sql.selectSchedule(db, name);
      return row && toSchedule(row);
    },
    list: async (page) => (await sql.selectSchedulePage(db, page)).map(toSchedule),
    due: async (limit) => {
      const rows = await sql.selectDueSchedules(db, limit);
      return { schedules: rows.map(toSchedule), now: rows[0]?.now ?? new Date(0) };
    },
    nextTickMs: async () => (await sql.selectNextTick(db)) ?? undefined,
    tick: (tick) => packed((shards) => inTransaction(source, (client) => tickOnce(client, tick, shards))),
  };
}

async function tickOnce(
  client: Database,
  tick: ScheduleTick,
  shards: number,
): Promise<{ commit: boolean; value: boolean }> {
  const advanced = await sql.advanceSchedule(client, tick);
  // A job whose key is known is there already: a schedule of the same name has enqueued this tick before it was made anew.
  if (advanced && tick.jobs.length > 0) await insertJobs(client, tick.jobs, shards);
  if (advanced && tick.instances.length > 0) await startInstances(client, tick.instances, shards);
  return { commit: advanced, value: advanced };
}

function toSchedule(row: sql.ScheduleRow): ScheduleRecord {
  return {
    name: row.name,
    cron: row.cron,
    timeZone: row.time_zone,
    missed: row.missed as MissedPolicy,
    missedLimit: row.missed_limit,
    type: row.type as StepId | null,
    definition: row.definition_id,
    payload: row.payload,
    maxRetries: row.max_retries,
    retry: row.retry === null ? null : (JSON.parse(row.retry) as NonNullable<ScheduleRecord['retry']>),
    priority: row.priority,
    partitionKey: row.partition_key,
    enabled: row.enabled,
    source: row.source as ScheduleRecord['source'],
    revision: row.revision,
    nextRunAt: row.next_run_at,
    lastRunAt: row.last_run_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    ...ofTenant(row.tenant),
  };
}
