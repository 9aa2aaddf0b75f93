import { type Environment, readChoice, readInteger, readString } from '../env.ts';

export interface PostgresConfig {
  readonly dsn: string;
  /** Connections of this process's pool; a Lambda needs one. */
  readonly poolSize: number;
  /**
   * Whether the statements that run all the time are prepared by name, once on each connection. Off behind a pooler that
   * gives a session to one transaction at a time: PgBouncer before 1.21 loses them, and RDS Proxy pins the session.
   */
  readonly prepare?: boolean;
}

export function readPostgresConfig(env: Environment, defaults: { poolSize: number }): PostgresConfig {
  return Object.freeze({
    dsn: readString(env, 'WE_POSTGRES_DSN'),
    poolSize: readInteger(env, 'WE_POSTGRES_POOL_SIZE', { fallback: defaults.poolSize, min: 1, max: 1000 }),
    prepare: readChoice(env, 'WE_POSTGRES_PREPARE', ['on', 'off'], 'on') === 'on',
  });
}
