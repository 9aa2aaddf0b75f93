import { readChoice } from '../adapters/env.ts';
import { readPostgresConfig } from '../adapters/postgres/config.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { writeDispatchMode } from '../adapters/postgres/settings.ts';
import { type DispatchMode, dispatchModes } from '../engine/deps.ts';
import { silentLogger } from '../engine/ports/logger.ts';

/**
 * Makes WE_DISPATCH_MODE known to the database, for what is enqueued there by SQL. Where the variable is not set, the
 * fallback is written, or nothing: a process that does not know the mode must not change it.
 */
export async function recordDispatchMode(fallback?: DispatchMode): Promise<void> {
  const isSet = (process.env['WE_DISPATCH_MODE'] ?? '') !== '';
  const mode = isSet ? readChoice(process.env, 'WE_DISPATCH_MODE', dispatchModes) : fallback;
  if (mode === undefined) return;
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  try {
    await writeDispatchMode(pool, mode);
  } finally {
    await pool.end();
  }
}
