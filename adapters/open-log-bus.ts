import { MAX_MESSAGE_BYTES } from '../engine/bus-rules.ts';
import { LogBus } from '../engine/log-bus/log-bus.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { MessageLog } from '../engine/ports/message-log.ts';
import type { OpenBus } from './open-event-bus.ts';
import type { PostgresConfig } from './postgres/config.ts';
import { createPostgresLedger } from './postgres/eventbus/ledger.ts';
import { createPool } from './postgres/pool.ts';
import { PostgresRoleScheduler } from './postgres/role-scheduler.ts';

export interface LogBusDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxMessageBytes?: number;
  /** How often a member that waits for its consumer tries; 1 second unless given. */
  readonly intervalMs?: number;
}

/** An event bus of a log, with its ledger and its roles in PostgreSQL. */
export function openLogBus(log: MessageLog, postgres: PostgresConfig, deps: LogBusDeps): OpenBus {
  const { clock, logger, maxMessageBytes = MAX_MESSAGE_BYTES, intervalMs = 1_000 } = deps;
  const pool = createPool(postgres, logger);
  const roles = new PostgresRoleScheduler({ dsn: postgres.dsn, clock, logger, intervalMs });
  const ledger = createPostgresLedger(pool, log.provider, postgres.prepare);
  const bus = new LogBus({ log, ledger, roles, clock, logger, maxMessageBytes });
  const close = async (): Promise<void> => {
    await bus.close();
    await pool.end();
  };
  return { bus, close };
}
