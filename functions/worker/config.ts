import { hostname } from 'node:os';
import { readAwsIdentity } from '../../adapters/aws-identity.ts';
import { signedHeaders } from '../../adapters/aws-signer.ts';
import {
  type Environment,
  readChoice,
  readDuration,
  readInteger,
  readOptional,
  readString,
} from '../../adapters/env.ts';
import { readTracingConfig, type TracingConfig } from '../../adapters/opentelemetry/config.ts';
import type { LogLevel } from '../../adapters/system/logger.ts';

export interface WorkerConfig {
  /** Undefined: the worker does what it needs on PostgreSQL itself. */
  readonly apiUrl: string | undefined;
  /** How the requests to the API are authorized; undefined where it asks for nothing. */
  readonly apiAuthorize?: (request: { url: string; body: string }) => Promise<Record<string, string>>;
  readonly workerId: string;
  readonly leaseSeconds: number;
  readonly concurrency: number;
  readonly handlerTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly traced: TracingConfig | undefined;
}

export interface WorkerDefaults {
  readonly concurrency: number;
  /** Whether the process may hold connections to PostgreSQL, as a Lambda should not. */
  readonly mayUsePostgres: boolean;
}

/** The worker's settings; every error names its variable. */
export function readWorkerConfig(
  env: Environment = process.env,
  defaults: WorkerDefaults = { concurrency: 1, mayUsePostgres: false },
): WorkerConfig {
  const usesPostgres = defaults.mayUsePostgres && readOptional(env, 'WE_POSTGRES_DSN') !== undefined;
  return Object.freeze({
    apiUrl: usesPostgres ? readOptional(env, 'WE_API_URL') : readString(env, 'WE_API_URL'),
    ...readAuthorization(env),
    workerId: readString(env, 'WE_WORKER_ID', defaultWorkerId(env)),
    leaseSeconds: readInteger(env, 'WE_LEASE_SECONDS', { fallback: 120, min: 1, max: 43_200 }),
    concurrency: readInteger(env, 'WE_WORKER_CONCURRENCY', {
      fallback: defaults.concurrency,
      min: 1,
      max: 1000,
    }),
    handlerTimeoutMs: readDuration(env, 'WE_WORKER_HANDLER_TIMEOUT', 15 * 60_000),
    traced: readTracingConfig(env, 'worker'),
    logLevel: readChoice(env, 'WE_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
  });
}

/** A key where one is given. Behind IAM authorization each request carries a signature of this process's role: no key is shared or kept. */
function readAuthorization(env: Environment): Pick<WorkerConfig, 'apiAuthorize'> {
  if (readChoice(env, 'WE_API_AUTH', ['none', 'iam'], 'none') === 'none') {
    const key = readOptional(env, 'WE_API_KEY');
    return key === undefined ? {} : { apiAuthorize: async () => ({ authorization: `Bearer ${key}` }) };
  }
  const identity = readAwsIdentity(env);
  return { apiAuthorize: (request) => signedHeaders(identity, request) };
}

/** In Lambda the log stream names the one execution environment, and is where its lines are found. */
function defaultWorkerId(env: Environment): string {
  const stream = env['AWS_LAMBDA_LOG_STREAM_NAME'];
  if (stream) return `${env['AWS_LAMBDA_FUNCTION_NAME'] ?? 'lambda'}/${stream}`.slice(0, 200);
  return `${hostname()}/${process.pid}`;
}
