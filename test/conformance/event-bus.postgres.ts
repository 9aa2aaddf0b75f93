import { PgChannelBus, type PgChannelOptions } from '../../adapters/postgres/eventbus/bus.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { PostgresRoleScheduler } from '../../adapters/postgres/role-scheduler.ts';
import { PostgresWakeups } from '../../adapters/postgres/wakeups.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { silentLogger } from '../../engine/ports/logger.ts';

/** A client of the bus with its own pool, as a process would have. */
export function openPgChannel(
  dsn: string,
  options: Partial<PgChannelOptions> = {},
): PgChannelBus & AsyncDisposable {
  const common = { dsn, clock: systemClock, logger: silentLogger };
  const pool = createPool({ dsn, poolSize: 5 }, silentLogger);
  const bus = new PgChannelBus({
    pool,
    roles: new PostgresRoleScheduler({ ...common, intervalMs: 50 }),
    wakeups: new PostgresWakeups(common),
    clock: systemClock,
    ...options,
  });
  return Object.assign(bus, {
    [Symbol.asyncDispose]: async () => {
      await bus.close();
      await pool.end();
    },
  });
}
