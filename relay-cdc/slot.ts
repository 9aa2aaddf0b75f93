import { escapeLiteral } from 'pg';
import type { Clock } from '../engine/ports/clock.ts';
import type { Lsn } from '../events/ids.ts';
import { replicationFailed } from './failures.ts';
import { parseLsn } from './lsn.ts';
import type { ReplicationConnection } from './replication-connection.ts';

export interface SlotState {
  /** Everything that ends before it has been confirmed by an earlier term. */
  readonly confirmed: Lsn;
  /** The server has thrown away log that the slot needed, or has invalidated it: it can never stream again. */
  readonly lost: boolean;
  readonly activePid: number | undefined;
}

/** @returns undefined when there is no such slot. @throws MillraceError when the name is taken by something else */
export async function inspectSlot(
  connection: ReplicationConnection,
  slot: string,
): Promise<SlotState | undefined> {
  const [row] = await connection.query<{
    confirmed: string | null;
    wal_status: string | null;
    active_pid: number | null;
    ours: boolean;
  }>(`
    select
      confirmed_flush_lsn::text as confirmed, wal_status, active_pid,
      plugin is not distinct from 'pgoutput' and database is not distinct from current_database() as ours
    from pg_replication_slots
    where slot_name = ${escapeLiteral(slot)}
  `);
  if (!row) return undefined;
  if (!row.ours) {
    throw replicationFailed(
      `The replication slot ${slot} belongs to another database or another plugin. Give each installation its own name ` +
        'with WE_RELAY_SLOT, or drop that slot.',
      { retryable: false },
    );
  }
  return {
    confirmed: parseLsn(row.confirmed ?? '0/0'),
    lost: row.wal_status === 'lost' || row.confirmed === null,
    activePid: row.active_pid ?? undefined,
  };
}

export interface NewSlot {
  /** Streaming begins here: transactions that commit later come through the slot. */
  readonly start: Lsn;
  /** Sees exactly the transactions that committed before `start`, until the next statement on the connection. */
  readonly snapshot: string;
}

/**
 * Makes the slot. It waits until every transaction that runs now has ended. The publication must be older: pgoutput looks
 * it up as of each change.
 */
export async function createSlot(connection: ReplicationConnection, slot: string): Promise<NewSlot> {
  const [version] = await connection.query<{ number: number }>(
    `select current_setting('server_version_num')::int as number`,
  );
  // From 17 on a standby can keep a copy of the slot, so that it survives a failover.
  const failover = (version?.number ?? 0) >= 170_000 ? ', FAILOVER true' : '';
  const [row] = await connection.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT "${slot}" LOGICAL pgoutput (SNAPSHOT 'export'${failover})`,
  );
  if (!row) throw new RangeError('CREATE_REPLICATION_SLOT gave no row');
  return { start: parseLsn(row.consistent_point), snapshot: row.snapshot_name };
}

export async function dropSlot(connection: ReplicationConnection, slot: string): Promise<void> {
  await connection.query(`DROP_REPLICATION_SLOT "${slot}"`);
}

const RELEASE_DEADLINE_MS = 10_000;

/**
 * Makes sure that nobody streams from the slot. To be called by the holder of the leader's lock only: whoever streams then
 * is a leader that has lost its lock, and its session is ended.
 */
export async function releaseSlot(
  connection: ReplicationConnection,
  slot: string,
  deps: { readonly clock: Clock; readonly onZombie: (pid: number) => void },
): Promise<void> {
  const deadline = performance.now() + RELEASE_DEADLINE_MS;
  const warned = new Set<number>();
  for (;;) {
    const [row] = await connection.query<{ pid: number }>(`
      select active_pid as pid, pg_terminate_backend(active_pid)
      from pg_replication_slots
      where slot_name = ${escapeLiteral(slot)} and active_pid is not null and active_pid <> pg_backend_pid()
    `);
    if (!row) return;
    if (!warned.has(row.pid)) deps.onZombie(row.pid);
    warned.add(row.pid);
    if (performance.now() > deadline) {
      throw replicationFailed(
        `Slot ${slot} is in use by process ${row.pid} of PostgreSQL, which does not end. Run: select ` +
          `pg_terminate_backend(${row.pid})`,
      );
    }
    await deps.clock.sleep(100, connection.lost);
  }
}
