import { escapeLiteral } from 'pg';
import type { Database } from '../adapters/postgres/sql/database.ts';
import type { Lsn, Term } from '../events/ids.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import type { ReplicationConnection } from './replication-connection.ts';

/** What the database remembers of earlier terms: see migration 0010. */
export interface RelayState {
  readonly term: Term;
  readonly systemId: string;
  readonly timeline: number;
  readonly confirmed: Lsn | undefined;
  readonly rebuildReason: string | undefined;
  /** Whether the term before ended in order. */
  readonly handedOver: boolean;
}

export interface Identity {
  readonly systemId: string;
  readonly timeline: number;
  readonly position: Lsn;
  /** When this server process began, in its own words: another one may have another history. */
  readonly serverStart: string;
}

/** Which database cluster this is, where its log stands, and which server answers. */
export async function identifySystem(connection: ReplicationConnection): Promise<Identity> {
  const [row] = await connection.query<{ systemid: string; timeline: number | string; xlogpos: string }>(
    'IDENTIFY_SYSTEM',
  );
  if (!row) throw new RangeError('IDENTIFY_SYSTEM gave no row');
  const [server] = await connection.query<{ started: string }>(
    'select extract(epoch from pg_postmaster_start_time())::text as started',
  );
  return {
    systemId: row.systemid,
    timeline: Number(row.timeline),
    position: parseLsn(row.xlogpos),
    serverStart: server?.started ?? '',
  };
}

/**
 * Begins a term, on the connection that holds the lock.
 * @returns the state as the previous term left it, with the new term; undefined before for the first term ever
 */
export async function beginTerm(
  connection: ReplicationConnection,
  claim: { readonly slot: string; readonly leader: string; readonly identity: Identity },
): Promise<{ readonly term: Term; readonly before: RelayState | undefined }> {
  const { slot, leader, identity } = claim;
  const [row] = await connection.query<StateRow & { is_new: boolean }>(`
    insert into relay_state (slot_name, term, leader, system_id, timeline)
    values (${escapeLiteral(slot)}, 1, ${escapeLiteral(leader)}, ${escapeLiteral(identity.systemId)}, ${identity.timeline})
    on conflict (slot_name) do update
    set term = relay_state.term + 1, leader = excluded.leader, updated_at = clock_timestamp()
    returning
      relay_state.term::text, system_id, timeline, confirmed_lsn::text, rebuild_reason, confirmed_lsn is null as is_new,
      coalesce(handed_over_term = term - 1, false) as handed_over
  `);
  if (!row) throw new RangeError('relay_state gave no row');
  const before = stateOf(row);
  return { term: before.term, before: row.is_new && before.rebuildReason === undefined ? undefined : before };
}

interface StateRow {
  readonly term: string;
  readonly system_id: string;
  readonly timeline: number;
  readonly confirmed_lsn: string | null;
  readonly rebuild_reason: string | null;
  readonly handed_over: boolean;
}

function stateOf(row: StateRow): RelayState {
  return {
    term: BigInt(row.term) as Term,
    systemId: row.system_id,
    timeline: row.timeline,
    confirmed: row.confirmed_lsn === null ? undefined : parseLsn(row.confirmed_lsn),
    rebuildReason: row.rebuild_reason ?? undefined,
    handedOver: row.handed_over,
  };
}

/**
 * Remembers that the outbox must be dispatched anew, before anything is done about it. A loss that nobody has noticed yet is
 * written into the audit log; the slot's first making is none.
 */
export async function markRebuild(
  connection: ReplicationConnection,
  slot: string,
  reason: string,
): Promise<void> {
  const name = escapeLiteral(slot);
  if (reason === 'first_start') {
    await connection.query(`
      update relay_state
      set rebuild_reason = 'first_start', updated_at = clock_timestamp()
      where slot_name = ${name}
    `);
    return;
  }
  await connection.query(`select millrace_slot_lost(${name}, ${escapeLiteral(reason)}, 'relay')`);
}

/** From here on a rebuild that is broken off is the same one again, not another loss. */
export async function beginRebuild(connection: ReplicationConnection, slot: string): Promise<void> {
  await connection.query(`
    update relay_state
    set rebuild_reason = 'unfinished', updated_at = clock_timestamp()
    where slot_name = ${escapeLiteral(slot)} and rebuild_reason <> 'first_start'
  `);
}

/** The same from outside the replication connection, which streams. */
export async function askForRebuild(
  db: Database,
  request: { slot: string; term: Term; reason: string },
): Promise<void> {
  await db.query(`select millrace_slot_lost($1, $2, 'relay', $3::bigint)`, [
    request.slot,
    request.reason,
    request.term.toString(),
  ]);
}

/** How often a slot was lost within the last hour. */
export async function countLosses(db: Database, slot: string): Promise<number> {
  const { rows } = await db.query<{ losses: number }>(
    `
    select count(*)::integer as losses
    from audit_log
    where action = 'SLOT_LOST' and at > clock_timestamp() - interval '1 hour' and detail ->> 'slot' = $1
    `,
    [slot],
  );
  return rows[0]?.losses ?? 0;
}

export interface SettledRebuild {
  readonly slot: string;
  readonly term: Term;
  readonly identity: Identity;
  readonly confirmed: Lsn;
  readonly reason: string;
  readonly messages: number;
}

/** The outbox is dispatched and the slot follows on from there. */
export async function settleRebuild(db: Database, settled: SettledRebuild): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    with settled as (
      update relay_state
      set
        rebuild_reason = null, system_id = $3, timeline = $4::integer, confirmed_lsn = $5::pg_lsn,
        updated_at = clock_timestamp()
      where slot_name = $1 and term = $2::bigint
      returning slot_name
    )
    insert into audit_log (actor, action, detail)
    select
      'relay', 'SLOT_MADE',
      jsonb_build_object('slot', slot_name, 'term', $2::bigint, 'reason', $6::text, 'messages', $7::bigint)
    from settled
    `,
    [
      settled.slot,
      settled.term.toString(),
      settled.identity.systemId,
      settled.identity.timeline,
      formatLsn(settled.confirmed),
      settled.reason,
      settled.messages,
    ],
  );
  return rowCount === 1;
}

/**
 * The leader's heartbeat: progress, and on an idle database something in the log that lets the slot move on.
 * @returns false when another term has begun, which means that this one is over
 */
export async function recordProgress(
  db: Database,
  progress: { readonly slot: string; readonly term: Term; readonly confirmed: Lsn },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    update relay_state
    set confirmed_lsn = greatest(confirmed_lsn, $3::pg_lsn), updated_at = clock_timestamp()
    where slot_name = $1 and term = $2::bigint
    `,
    [progress.slot, progress.term.toString(), formatLsn(progress.confirmed)],
  );
  return rowCount === 1;
}

/** The term ends with everything that it read published, cleared and confirmed. */
export async function recordHandOver(
  db: Database,
  ended: { readonly slot: string; readonly term: Term },
): Promise<void> {
  await db.query(
    `
    update relay_state
    set handed_over_term = term, updated_at = clock_timestamp()
    where slot_name = $1 and term = $2::bigint
    `,
    [ended.slot, ended.term.toString()],
  );
}
