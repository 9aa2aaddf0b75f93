import type { WalPressure } from '../wal-pressure.ts';
import type { Database } from './database.ts';

/** Where neither the relay nor the server is told a limit. */
const DEFAULT_BUDGET_BYTES = 10 * 2 ** 30;

export interface WalRow {
  readonly pressure: WalPressure;
  readonly budget: string;
  readonly losses: number;
  /** Null when no relay has ever led. */
  readonly slot: string | null;
  readonly retained: string;
  readonly rebuilding: boolean;
}

/**
 * One row a slot. What the server may remove at its own limit is no budget, so the smaller counts. A slot that the server
 * has given up holds nothing back.
 */
export async function selectWalUse(db: Database): Promise<WalRow[]> {
  const { rows } = await db.query<WalRow>(
    `
    select
      settings.wal_pressure as pressure,
      least(coalesce(settings.wal_budget_bytes, keep.bytes, $1::bigint), keep.bytes)::text as budget,
      (
        select count(*)::integer
        from audit_log
        where action = 'SLOT_LOST' and at > clock_timestamp() - interval '1 hour'
      ) as losses,
      relay_state.slot_name as slot,
      coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), slots.restart_lsn), 0)::text as retained,
      slots.slot_name is null or relay_state.rebuild_reason is not null as rebuilding
    from millrace_settings as settings
    cross join (
      select nullif(setting, '-1')::bigint * 1048576 as bytes from pg_settings where name = 'max_slot_wal_keep_size'
    ) as keep
    left join relay_state on true
    left join pg_replication_slots as slots
      on slots.slot_name = relay_state.slot_name
      and slots.database = current_database()
      and slots.wal_status is distinct from 'lost'
    `,
    [DEFAULT_BUDGET_BYTES],
  );
  return rows;
}

/** @returns whether this call made the change: of all who watch, one does */
export async function changePressure(
  db: Database,
  change: { from: WalPressure; to: WalPressure; used: number; actor: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    with changed as (
      update millrace_settings
      set wal_pressure = $2::text, updated_at = clock_timestamp()
      where wal_pressure = $1::text
      returning pg_notify('millrace_mode', '')
    )
    insert into audit_log (actor, action, detail)
    select $4::text, 'WAL_PRESSURE', jsonb_build_object('from', $1::text, 'to', $2::text, 'used', $3::numeric)
    from changed
    `,
    [change.from, change.to, change.used.toFixed(4), change.actor],
  );
  return rowCount === 1;
}

/** Before the slot goes, so that no leader takes what is left for all there is. @returns whether it was news */
export async function markDropped(db: Database, slot: string, actor: string): Promise<boolean> {
  const { rows } = await db.query<{ lost: boolean | null }>(
    `select millrace_slot_lost($1, 'wal_budget', $2) as lost`,
    [slot, actor],
  );
  return rows[0]?.lost === true;
}

/** Ends the session that streams from a slot which still holds back as much. */
export async function endHolder(db: Database, slot: string, bytes: bigint): Promise<void> {
  await db.query(
    `
    select pg_terminate_backend(slots.active_pid)
    from pg_replication_slots as slots
    join pg_stat_activity as session on session.pid = slots.active_pid and session.backend_type = 'walsender'
    where slots.slot_name = $1
      and slots.database = current_database()
      and pg_wal_lsn_diff(pg_current_wal_lsn(), slots.restart_lsn) >= $2::numeric
    `,
    [slot, bytes.toString()],
  );
}

/** Drops a slot that nobody uses and that still holds back as much. @returns whether it did */
export async function dropSlot(db: Database, slot: string, bytes: bigint): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    select pg_drop_replication_slot(slot_name)
    from pg_replication_slots
    where slot_name = $1
      and database = current_database()
      and active_pid is null
      and pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) >= $2::numeric
    `,
    [slot, bytes.toString()],
  );
  return rowCount === 1;
}

export async function writeWalBudget(db: Database, bytes: number | undefined): Promise<void> {
  await db.query(
    `
    update millrace_settings
    set wal_budget_bytes = $1::bigint, updated_at = clock_timestamp()
    where wal_budget_bytes is distinct from $1::bigint
    `,
    [bytes ?? null],
  );
}

export async function selectFallback(db: Database): Promise<boolean> {
  const { rows } = await db.query<{ fallback: boolean }>(
    'select dispatch_fallback as fallback from millrace_settings',
  );
  return rows[0]?.fallback ?? false;
}
