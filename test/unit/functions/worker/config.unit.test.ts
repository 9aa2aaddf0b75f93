import { describe, expect, it } from 'vitest';
import { readWorkerConfig } from '../../../../functions/worker/config.ts';

const required = { WE_API_URL: 'http://127.0.0.1:8080' };

describe('the settings of the worker', () => {
  it('have defaults for all but the address of the API', () => {
    expect(readWorkerConfig(required)).toMatchObject({
      apiUrl: 'http://127.0.0.1:8080',
      leaseSeconds: 120,
      concurrency: 1,
      handlerTimeoutMs: 900_000,
      logLevel: 'info',
    });
  });

  it('name the execution environment in Lambda', () => {
    const lambda = {
      AWS_LAMBDA_FUNCTION_NAME: 'worker',
      AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/02/[$LATEST]abc',
    };
    expect(readWorkerConfig({ ...required, ...lambda }).workerId).toBe('worker/2026/01/02/[$LATEST]abc');
  });

  it('need no API where the process may use PostgreSQL itself', () => {
    const env = { WE_POSTGRES_DSN: 'postgres://127.0.0.1/postgres' };
    expect(readWorkerConfig(env, { concurrency: 10, mayUsePostgres: true }).apiUrl).toBeUndefined();
    expect(() => readWorkerConfig(env)).toThrow('WE_API_URL is not set');
  });

  it.each([
    [{}, 'WE_API_URL is not set'],
    [{ ...required, WE_LEASE_SECONDS: '0' }, 'WE_LEASE_SECONDS is malformed'],
    [{ ...required, WE_WORKER_CONCURRENCY: 'many' }, 'WE_WORKER_CONCURRENCY is malformed'],
    [{ ...required, WE_WORKER_HANDLER_TIMEOUT: '5' }, 'WE_WORKER_HANDLER_TIMEOUT is malformed'],
    [{ ...required, WE_LOG_LEVEL: 'loud' }, 'WE_LOG_LEVEL is malformed'],
  ])('%o is refused by the name of its variable', (env, message) => {
    expect(() => readWorkerConfig(env)).toThrow(message);
  });
});
