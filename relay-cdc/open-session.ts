import type { RelayConfig } from './config.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import { OwnWalSession, type SessionOptions } from './session.ts';
import { PglrWalSession } from './session-pglr.ts';
import type { WalSession } from './wal-session.ts';

/** The session that `WE_RELAY_SESSION` names. */
export function openSession(
  config: Pick<RelayConfig, 'session' | 'postgres'>,
  connection: ReplicationConnection,
  options: SessionOptions,
): WalSession {
  if (config.session === 'own') return new OwnWalSession(connection, options);
  return new PglrWalSession({ ...options, login: config.postgres, lost: connection.lost });
}
