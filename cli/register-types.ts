import { readPostgresConfig } from '../adapters/postgres/config.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../adapters/postgres/record-store.ts';
import { silentLogger } from '../engine/ports/logger.ts';
import type { StepId } from '../events/ids.ts';

/** Makes the service's step ids known to the database, so that the API accepts jobs for them. */
export async function registerTypes(types: readonly StepId[]): Promise<void> {
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    await createPostgresRecordStore(pool).registerTypes(types);
  } finally {
    await pool.end();
  }
}
