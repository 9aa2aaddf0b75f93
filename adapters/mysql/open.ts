import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { MysqlConfig } from './config.ts';
import { createPool } from './pool.ts';
import { MysqlRoleScheduler } from './role-scheduler.ts';
import { createMysqlRecordStore } from './workflow-record-store.ts';

/** The store with connections of its own, which closing it ends. */
export function openMysqlRecords(
  config: MysqlConfig,
  deps: { readonly clock: Clock; readonly logger: Logger },
) {
  const pool = createPool(config);
  return {
    store: createMysqlRecordStore(pool),
    roles: new MysqlRoleScheduler({ ...deps, pool }),
    close: () => pool.end(),
  };
}
