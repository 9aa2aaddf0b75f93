import { createHash } from 'node:crypto';
import type { Clock } from '../engine/ports/clock.ts';
import type { ReplicationConnection } from './replication-connection.ts';

/** The advisory lock of a slot's leader: the same number in every relay for the slot. */
export function lockKey(slot: string): bigint {
  return createHash('sha256').update(`millrace relay ${slot}`).digest().readBigInt64BE(0);
}

/** One try, on the connection that will stream. The lock goes with the session, however that ends. */
export async function tryLead(connection: ReplicationConnection, slot: string): Promise<boolean> {
  const [row] = await connection.query<{ locked: boolean }>(
    `select pg_try_advisory_lock(${lockKey(slot)}) as locked`,
  );
  return row?.locked ?? false;
}

/**
 * Resolves true once this connection holds the lock, false when the signal aborts before. It asks again and again rather
 * than wait in `pg_advisory_lock`, whose statement would hold a snapshot, and stop vacuum, for as long as it waits.
 */
export async function waitToLead(
  connection: ReplicationConnection,
  slot: string,
  wait: {
    readonly clock: Clock;
    readonly intervalMs: number;
    readonly signal: AbortSignal;
    readonly random: () => number;
  },
): Promise<boolean> {
  const either = AbortSignal.any([wait.signal, connection.lost]);
  while (!wait.signal.aborted) {
    if (await tryLead(connection, slot)) return true;
    // Jitter, so that many standbys do not ask at the same moment; never longer than the interval.
    await wait.clock.sleep(wait.intervalMs * (0.75 + 0.25 * wait.random()), either);
    connection.lost.throwIfAborted();
  }
  return false;
}
