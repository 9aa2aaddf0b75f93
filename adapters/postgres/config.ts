import { type Environment, readInteger, readString } from '../env.ts';

export interface PostgresConfig {
  readonly dsn: string;
  /** Connections of this process's pool; a Lambda needs one. */
  readonly poolSize: number;
}

export function readPostgresConfig(env: Environment, defaults: { poolSize: number }): PostgresConfig {
  return Object.freeze({
    dsn: readString(env, 'WE_POSTGRES_DSN'),
    poolSize: readInteger(env, 'WE_POSTGRES_POOL_SIZE', { fallback: defaults.poolSize, min: 1, max: 1000 }),
  });
}
