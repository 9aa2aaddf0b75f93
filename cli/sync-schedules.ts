import { readPostgresConfig } from '../adapters/postgres/config.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../adapters/system/engine-deps.ts';
import { syncSchedules as sync } from '../engine/commands/schedules.ts';
import { silentLogger } from '../engine/ports/logger.ts';
import type { ServiceConfig } from '../sdk/define.ts';
import { toSchedules } from '../sdk/schedules.ts';
import { stepIds } from './service-config.ts';

/** Makes the schedules in the database what the service declares. */
export async function syncSchedules(config: ServiceConfig): Promise<void> {
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    // It enqueues nothing, so the mode is of no matter.
    const deps = createEngineDeps(createPostgresRecordStore(pool), 'polling');
    await sync(deps, {
      types: stepIds(config),
      definitions: (config.workflows ?? []).map((workflow) => workflow.toJSON().id),
      declared: toSchedules(config.schedules),
    });
  } finally {
    await pool.end();
  }
}
