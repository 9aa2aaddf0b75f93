import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { RoleScheduler } from '../engine/ports/role-scheduler.ts';
import type { WorkflowRecordStore } from '../engine/ports/workflow-record-store.ts';
import type { Environment } from './env.ts';
import type { RecordStoreName } from './record-store-config.ts';

export interface OpenRecordStore {
  readonly store: WorkflowRecordStore;
  /** Of the same database, so that a publisher needs no other. */
  readonly roles: RoleScheduler;
  /** Ends its connections. */
  close(): Promise<void>;
}

export interface OpenRecordStoreOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The store of this name. Each is loaded only where it is used. */
export async function openRecordStore(
  name: RecordStoreName,
  { env, clock, logger }: OpenRecordStoreOptions,
): Promise<OpenRecordStore> {
  if (name === 'mysql') {
    const { readMysqlConfig } = await import('./mysql/config.ts');
    const { openMysqlRecords } = await import('./mysql/open.ts');
    return openMysqlRecords(readMysqlConfig(env), { clock, logger });
  }
  const { readPostgresConfig } = await import('./postgres/config.ts');
  const { createPool } = await import('./postgres/pool.ts');
  const { PostgresRoleScheduler } = await import('./postgres/role-scheduler.ts');
  const { createPostgresWorkflowRecords } = await import('./postgres/workflow-record-store.ts');
  const config = readPostgresConfig(env, { poolSize: 10 });
  const pool = createPool(config, logger);
  return {
    store: createPostgresWorkflowRecords(pool),
    roles: new PostgresRoleScheduler({ ...config, clock, logger }),
    close: () => pool.end(),
  };
}

/** Makes its tables, or changes them to what this version needs. @returns the names of what it applied */
export async function migrateRecordStore(
  name: RecordStoreName,
  env: Environment,
): Promise<readonly string[]> {
  if (name === 'mysql') {
    const { readMysqlConfig } = await import('./mysql/config.ts');
    const { migrate } = await import('./mysql/migrate.ts');
    return (await migrate(readMysqlConfig(env))).applied;
  }
  const { readPostgresConfig } = await import('./postgres/config.ts');
  const { migrate } = await import('./postgres/migrate.ts');
  return (await migrate(readPostgresConfig(env, { poolSize: 1 }))).applied;
}
