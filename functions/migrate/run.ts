import type { PostgresLogin } from '../../adapters/postgres/connection.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { provisionRoles, requireLogicalLog } from '../../adapters/postgres/provision-roles.ts';
import { provisionTenants } from '../../adapters/postgres/provision-tenants.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { writeDispatchMode } from '../../adapters/postgres/settings.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { StepId } from '../../events/ids.ts';
import type { MigrateConfig } from './config.ts';

/**
 * Brings the database to this version: checks it first, migrates, gives the roles their rights, and makes the steps and the
 * dispatch mode known. Repeating it changes nothing; nothing is ever taken away.
 */
export async function runMigrations(
  login: PostgresLogin,
  config: Pick<MigrateConfig, 'mode' | 'appRole' | 'relayRole'> & Partial<Pick<MigrateConfig, 'tenants'>>,
  options: { readonly types: readonly StepId[]; readonly directory?: string },
): Promise<{ applied: string[] }> {
  const relayed = config.mode === 'kafka_outbox';
  if (relayed) await requireLogicalLog(login);
  const directory = options.directory === undefined ? {} : { directory: options.directory };
  const { applied } = await migrate({ ...login, ...directory });
  await provisionRoles(login, { app: config.appRole, relay: relayed ? config.relayRole : undefined });
  if (config.tenants) await provisionTenants(login, [config.appRole]);
  const pool = createPool({ ...login, poolSize: 1 }, silentLogger);
  try {
    await createPostgresRecordStore(pool).registerTypes(options.types);
    await writeDispatchMode(pool, config.mode);
  } finally {
    await pool.end();
  }
  return { applied };
}
