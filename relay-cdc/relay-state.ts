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
}

/** Which database cluster this is, and where its log stands. */
export async function identifySystem(connection: ReplicationConnection): Promise<Identity> {
  const [row] = await connection.query<{ systemid: string; timeline: number | string; xlogpos: string }>(
    'IDENTIFY_SYSTEM',
  );
  if (!row) throw new RangeError('IDENTIFY_SYSTEM gave no row');
  return { systemId: row.systemid, timeline: Number(row.timeline), position: parseLsn(row.xlogpos) };
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

/** Remembers that the outbox must be dispatched anew, before anything is done about it. */
export async function markRebuild(
  connection: ReplicationConnection,
  slot: string,
  reason: string,
): Promise<void> {
  await connection.query(`
    update relay_state
    set rebuild_reason = ${escapeLiteral(reason)}, updated_at = clock_timestamp()
    where slot_name = ${escapeLiteral(slot)}
  `);
}

/** The same from outside the replication connection, which streams. */
export async function askForRebuild(
  db: Database,
  request: { slot: string; term: Term; reason: string },
): Promise<void> {
  await db.query(
    `
    update relay_state
    set rebuild_reason = $3, updated_at = clock_timestamp()
    where slot_name = $1 and term = $2::bigint
    `,
    [request.slot, request.term.toString(), request.reason],
  );
}

/** The outbox is dispatched and the slot follows on from there. */
export async function settleRebuild(
  db: Database,
  settled: { slot: string; term: Term; identity: Identity; confirmed: Lsn },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    update relay_state
    set
      rebuild_reason = null, system_id = $3, timeline = $4::integer, confirmed_lsn = $5::pg_lsn,
      updated_at = clock_timestamp()
    where slot_name = $1 and term = $2::bigint
    `,
    [
      settled.slot,
      settled.term.toString(),
      settled.identity.systemId,
      settled.identity.timeline,
      formatLsn(settled.confirmed),
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
