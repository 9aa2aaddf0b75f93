import { type Environment, readChoice, readDuration } from '../adapters/env.ts';
import { type MysqlConfig, readMysqlConfig } from '../adapters/mysql/config.ts';
import { readTracingConfig, type TracingConfig } from '../adapters/opentelemetry/config.ts';
import { type PostgresConfig, readPostgresConfig } from '../adapters/postgres/config.ts';
import { readRecordStore } from '../adapters/record-store-config.ts';
import { readRetention } from '../adapters/retention-config.ts';
import type { LogLevel } from '../adapters/system/logger.ts';
import { type DispatchMode, dispatchModes } from '../engine/deps.ts';
import type { Retention } from '../engine/roles/retention.ts';
import { type AuthConfig, readAuthConfig } from './auth/config.ts';

export interface FunctionsConfig {
  readonly mode: DispatchMode;
  /** In Lambda: nothing goes on once a request is answered, and to wait costs money. */
  readonly serverless: boolean;
  readonly postgres: PostgresConfig;
  /** Where workflow records are; undefined where they are in PostgreSQL too. */
  readonly mysql: MysqlConfig | undefined;
  readonly logLevel: LogLevel;
  /** How often due jobs and expired leases are looked for, in milliseconds. */
  readonly tickMs: number;
  readonly retention: Retention;
  /** How often the log that the relay's slots hold back is looked at, in milliseconds. */
  readonly walGuardMs: number;
  readonly tracing: TracingConfig | undefined;
  readonly access: AuthConfig;
}

/** A Lambda serves one request at a time; the local gateway serves many in one process. */
const POOL_SIZE = { lambda: 1, gateway: 10 } as const;

/** The settings of the functions that hold database credentials; every error names its variable. */
export function readFunctionsConfig(env: Environment = process.env): FunctionsConfig {
  const serverless = Boolean(env['AWS_LAMBDA_FUNCTION_NAME']);
  const poolSize = serverless ? POOL_SIZE.lambda : POOL_SIZE.gateway;
  return Object.freeze({
    mode: readChoice(env, 'WE_DISPATCH_MODE', dispatchModes, 'polling'),
    serverless,
    postgres: readPostgresConfig(env, { poolSize }),
    mysql: readRecordStore(env) === 'mysql' ? readMysqlConfig(env) : undefined,
    tickMs: readDuration(env, 'WE_TICK_INTERVAL', 1_000),
    retention: readRetention(env),
    walGuardMs: readDuration(env, 'WE_WAL_GUARD_INTERVAL', 2_000),
    tracing: readTracingConfig(env, 'api'),
    access: readAuthConfig(env),
    logLevel: readChoice(env, 'WE_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
  });
}
