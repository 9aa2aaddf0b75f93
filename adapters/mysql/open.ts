import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Environment } from '../env.ts';
import { readMysqlConfig } from './config.ts';
import { createPool } from './pool.ts';
import { MysqlRoleScheduler } from './role-scheduler.ts';
import { createMysqlRecordStore } from './workflow-record-store.ts';

/** The store with connections of its own, which closing it ends. */
export function openMysqlRecords(env: Environment, deps: { readonly clock: Clock; readonly logger: Logger }) {
  const pool = createPool(readMysqlConfig(env));
  return {
    store: createMysqlRecordStore(pool),
    roles: new MysqlRoleScheduler({ ...deps, pool }),
    close: () => pool.end(),
  };
}
