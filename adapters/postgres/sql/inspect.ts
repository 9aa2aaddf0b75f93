import type { Database } from './database.ts';

/** What `millrace doctor` asks the server. Nothing here needs a right beyond that to connect. */

export interface ServerFacts {
  readonly version: number;
  readonly version_text: string;
  readonly role: string;
  readonly database: string;
  readonly is_standby: boolean;
  readonly may_replicate: boolean;
  readonly wal_level: string;
  readonly max_replication_slots: number;
  readonly slots: number;
  readonly max_wal_senders: number;
  readonly wal_senders: number;
  /** Megabytes; -1 is no limit. */
  readonly max_slot_wal_keep_size: number;
  /** Milliseconds; 0 is never. */
  readonly wal_sender_timeout: number;
  /** Undefined before version 17. */
  readonly synchronized_standby_slots: string | null;
  /** Names of the physical slots that standbys stream from. */
  readonly standby_slots: readonly string[];
  readonly clock_ms: number;
}

export async function selectServer(db: Database): Promise<ServerFacts | undefined> {
  const { rows } = await db.query<ServerFacts>(`
    select
      current_setting('server_version_num')::integer as version,
      current_setting('server_version') as version_text,
      current_user as role,
      current_database() as database,
      pg_is_in_recovery() as is_standby,
      role.rolsuper or role.rolreplication or exists (
        select from pg_roles as rds where rds.rolname = 'rds_replication' and pg_has_role(rds.oid, 'member')
      ) as may_replicate,
      current_setting('wal_level') as wal_level,
      current_setting('max_replication_slots')::integer as max_replication_slots,
      (select count(*)::integer from pg_replication_slots) as slots,
      current_setting('max_wal_senders')::integer as max_wal_senders,
      (select count(*)::integer from pg_stat_activity where backend_type = 'walsender') as wal_senders,
      (select setting::integer from pg_settings where name = 'max_slot_wal_keep_size') as max_slot_wal_keep_size,
      (select setting::integer from pg_settings where name = 'wal_sender_timeout') as wal_sender_timeout,
      current_setting('synchronized_standby_slots', true) as synchronized_standby_slots,
      array(select slot_name::text from pg_replication_slots where slot_type = 'physical' order by slot_name)
        as standby_slots,
      (extract(epoch from clock_timestamp()) * 1000)::double precision as clock_ms
    from pg_roles as role
    where role.rolname = current_user
  `);
  return rows[0];
}

export interface PublicationFacts {
  readonly operations: readonly string[];
  readonly all_tables: boolean;
  readonly tables: readonly {
    readonly name: string;
    readonly columns: readonly string[];
    readonly filter: string | null;
  }[];
}

export async function selectPublication(
  db: Database,
  publication: string,
): Promise<PublicationFacts | undefined> {
  const { rows } = await db.query<{ facts: string }>(
    `
    select json_build_object(
      'operations', array_remove(array[
        case when pubinsert then 'insert' end, case when pubupdate then 'update' end,
        case when pubdelete then 'delete' end, case when pubtruncate then 'truncate' end
      ], null),
      'all_tables', puballtables,
      'tables', coalesce((
        select json_agg(json_build_object('name', tablename, 'columns', attnames, 'filter', rowfilter) order by tablename)
        from pg_publication_tables
        where pg_publication_tables.pubname = pg_publication.pubname
      ), '[]')
    )::text as facts
    from pg_publication
    where pubname = $1
    `,
    [publication],
  );
  return rows[0] && (JSON.parse(rows[0].facts) as PublicationFacts);
}

export interface SlotFacts {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly is_ours: boolean;
  readonly active: boolean;
  readonly wal_status: string | null;
  readonly two_phase: boolean;
  /** Undefined before version 17. */
  readonly failover: boolean | null;
  readonly retained_bytes: number;
}

/** Columns that came with later versions are read by name, so that one statement serves all. */
export async function selectSlot(db: Database, slot: string): Promise<SlotFacts | undefined> {
  const { rows } = await db.query<SlotFacts>(
    `
    select
      plugin::text, database::text, active, wal_status, two_phase,
      plugin is not distinct from 'pgoutput' and database is not distinct from current_database() as is_ours,
      (to_jsonb(slots) ->> 'failover')::boolean as failover,
      case when pg_is_in_recovery() then 0
        else coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::double precision end as retained_bytes
    from pg_replication_slots as slots
    where slot_name = $1
    `,
    [slot],
  );
  return rows[0];
}

/** Of logical decoding in this database. */
export async function selectSlotNames(db: Database): Promise<string[]> {
  const { rows } = await db.query<{ slot_name: string }>(
    'select slot_name::text from pg_replication_slots where database = current_database() order by slot_name',
  );
  return rows.map(({ slot_name }) => slot_name);
}

/** Whether any relay has ever led for the slot. */
export async function selectHasLed(db: Database, slot: string): Promise<boolean> {
  const { rowCount } = await db.query('select from relay_state where slot_name = $1', [slot]);
  return rowCount === 1;
}

export interface StandbyFacts {
  readonly is_standby: boolean;
  readonly sync_replication_slots: string | null;
  readonly hot_standby_feedback: string;
  readonly primary_slot_name: string;
  readonly names_database: boolean;
}

export async function selectStandby(db: Database): Promise<StandbyFacts | undefined> {
  const { rows } = await db.query<StandbyFacts>(`
    select
      pg_is_in_recovery() as is_standby,
      current_setting('sync_replication_slots', true) as sync_replication_slots,
      current_setting('hot_standby_feedback') as hot_standby_feedback,
      current_setting('primary_slot_name') as primary_slot_name,
      coalesce((select setting from pg_settings where name = 'primary_conninfo') ~ 'dbname', true) as names_database
  `);
  return rows[0];
}

export async function selectJobTypes(db: Database): Promise<string[]> {
  const { rows } = await db.query<{ type: string }>('select type from job_types order by type');
  return rows.map(({ type }) => type);
}

export interface SettingsFacts {
  readonly dispatch_mode: string;
  readonly wal_pressure: string;
  /** For how many shards packs are made. */
  readonly relay_shards: number;
  /** What was packed for another number is not published yet. */
  readonly resharding: boolean;
}

export async function selectSettings(db: Database): Promise<SettingsFacts | undefined> {
  const { rows } = await db.query<SettingsFacts>(
    'select dispatch_mode, wal_pressure, relay_shards, resharding from millrace_settings',
  );
  return rows[0];
}
