import type { PostgresLogin } from '../../adapters/postgres/connection.ts';
import { isStepId } from '../../events/ids.ts';
import service from '../../millrace.config.ts';
import type { MigrateConfig } from './config.ts';
import { runMigrations } from './run.ts';

/** Brings the database to this version, with the steps of the service's own millrace.config.ts. */
export function migrateService(
  login: PostgresLogin,
  config: MigrateConfig,
  directory: string,
): Promise<{ applied: string[] }> {
  const types = Object.keys(service.jobs).filter((name) => isStepId(name));
  return runMigrations(login, config, { types, directory });
}
