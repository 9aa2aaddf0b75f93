import type { Clock } from '../../../engine/ports/clock.ts';
import type { Logger } from '../../../engine/ports/logger.ts';
import type { PostgresConfig } from '../config.ts';
import { createPool } from '../pool.ts';
import { PostgresRoleScheduler } from '../role-scheduler.ts';
import { PostgresWakeups } from '../wakeups.ts';
import { PgChannelBus } from './bus.ts';

/** The bus with connections of its own, which closing it ends. */
export function openPgChannel(
  config: PostgresConfig,
  deps: { readonly clock: Clock; readonly logger: Logger },
) {
  const { dsn, prepare } = config;
  const pool = createPool(config, deps.logger);
  const roles = new PostgresRoleScheduler({ ...deps, dsn });
  const bus = new PgChannelBus({
    ...deps,
    pool,
    prepare,
    roles,
    wakeups: new PostgresWakeups({ ...deps, dsn }),
  });
  const close = async (): Promise<void> => {
    await bus.close();
    await pool.end();
  };
  return { bus, close };
}
