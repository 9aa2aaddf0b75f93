import { type Environment, readChoice, readInteger, readOptional, readString } from '../../adapters/env.ts';
import { type DispatchMode, dispatchModes } from '../../engine/deps.ts';

export interface MigrateConfig {
  readonly mode: DispatchMode;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Secret of the database's owner, as RDS keeps it: `{"username", "password"}`. */
  readonly secretArn: string;
  /** PEM file of the authority of the server's certificate. */
  readonly caPath: string | undefined;
  readonly appRole: string;
  readonly relayRole: string;
  /** Whether keys of the API may belong to tenants. */
  readonly tenants: boolean;
}

/** The settings of the migration function; every error names its variable. */
export function readMigrateConfig(env: Environment = process.env): MigrateConfig {
  return Object.freeze({
    mode: readChoice(env, 'WE_DISPATCH_MODE', dispatchModes, 'polling'),
    host: readString(env, 'WE_MIGRATE_HOST'),
    port: readInteger(env, 'WE_MIGRATE_PORT', { fallback: 5432, min: 1, max: 65_535 }),
    database: readString(env, 'WE_MIGRATE_DATABASE', 'millrace'),
    secretArn: readString(env, 'WE_MIGRATE_SECRET_ARN'),
    caPath: readOptional(env, 'WE_POSTGRES_TLS_CA_PATH'),
    appRole: readString(env, 'WE_MIGRATE_APP_ROLE', 'millrace_app'),
    relayRole: readString(env, 'WE_MIGRATE_RELAY_ROLE', 'millrace_relay'),
    tenants: readChoice(env, 'WE_MIGRATE_TENANTS', ['off', 'on'], 'off') === 'on',
  });
}
