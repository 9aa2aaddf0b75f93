import { hostname } from 'node:os';
import { type Environment, readChoice, readDuration, readInteger, readString } from '../../adapters/env.ts';
import type { LogLevel } from '../../adapters/system/logger.ts';

export interface WorkerConfig {
  readonly apiUrl: string;
  readonly workerId: string;
  readonly leaseSeconds: number;
  readonly concurrency: number;
  readonly handlerTimeoutMs: number;
  readonly logLevel: LogLevel;
}

/** The worker's settings; every error names its variable. */
export function readWorkerConfig(
  env: Environment = process.env,
  defaults: { readonly concurrency: number } = { concurrency: 1 },
): WorkerConfig {
  return Object.freeze({
    apiUrl: readString(env, 'WE_API_URL'),
    workerId: readString(env, 'WE_WORKER_ID', defaultWorkerId(env)),
    leaseSeconds: readInteger(env, 'WE_LEASE_SECONDS', { fallback: 120, min: 1, max: 43_200 }),
    concurrency: readInteger(env, 'WE_WORKER_CONCURRENCY', {
      fallback: defaults.concurrency,
      min: 1,
      max: 1000,
    }),
    handlerTimeoutMs: readDuration(env, 'WE_WORKER_HANDLER_TIMEOUT', 15 * 60_000),
    logLevel: readChoice(env, 'WE_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
  });
}

/** In Lambda the log stream names the one execution environment, and is where its lines are found. */
function defaultWorkerId(env: Environment): string {
  const stream = env['AWS_LAMBDA_LOG_STREAM_NAME'];
  if (stream) return `${env['AWS_LAMBDA_FUNCTION_NAME'] ?? 'lambda'}/${stream}`.slice(0, 200);
  return `${hostname()}/${process.pid}`;
}
