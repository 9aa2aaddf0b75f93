import { limits } from '../../engine/deps.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import { type Logger, silentLogger } from '../../engine/ports/logger.ts';
import type { JobHandlers } from '../define.ts';
import { type ApiClientOptions, createApiClient } from './api-client.ts';
import type { WorkerTracing } from './attempt-spans.ts';
import { createProcessRecords, type ProcessRecords, type ProcessRecordsOptions } from './process-records.ts';
import type { WorkerApi } from './worker-api.ts';

/** What every kind of worker is told. */
export interface WorkerOptions {
  /** By step id: `defineConfig({ jobs })`. */
  readonly handlers: JobHandlers;
  /** Where the Millrace API is, for instance `http://127.0.0.1:8080`. */
  readonly apiUrl?: string | undefined;
  /** Sent to the API with every request, for instance an authorization. */
  readonly apiHeaders?: Readonly<Record<string, string>>;
  /** Names this worker in the jobs it runs. */
  readonly workerId?: string;
  /** For how long a claim holds a job without a heartbeat, in seconds; 120 unless given. */
  readonly leaseSeconds?: number;
  /**
   * Between two heartbeats, in milliseconds, which is how long a handler may be unaware that its job was cancelled: a third
   * of the lease unless given, and 5 seconds at most.
   */
  readonly heartbeatMs?: number;
  /** Keys of one partition worked on side by side, each in order; 1 (the partition in order) unless given. */
  readonly concurrency?: number;
  /** An attempt may take this long, in milliseconds; 15 minutes unless given. */
  readonly handlerTimeoutMs?: number;
  readonly logger?: Logger;
  /** Traces each attempt; nothing is traced unless given. */
  readonly tracing?: WorkerTracing | undefined;
  readonly clock?: Clock;
  /** Instead of the API at `apiUrl`: in the same process. */
  readonly api?: WorkerApi;
}

/** @throws MillraceError `configuration` when an option is out of its range */
export function processRecordsFrom(options: WorkerOptions): ProcessRecords {
  return createProcessRecords(workerSettings(options));
}

/**
 * What was asked for, checked, with what follows from it.
 * @throws MillraceError `configuration` when an option is out of its range
 */
export function workerSettings(
  options: WorkerOptions,
): ProcessRecordsOptions & { readonly concurrency: number } {
  const { leaseSeconds = limits.leaseMs.default / 1000, concurrency = 1, logger = silentLogger } = options;
  requireRange('leaseSeconds', leaseSeconds, [limits.leaseMs.min / 1000, limits.leaseMs.max / 1000]);
  requireRange('concurrency', concurrency, [1, 1000]);
  if (options.heartbeatMs !== undefined) requireRange('heartbeatMs', options.heartbeatMs, [100, 600_000]);
  return {
    handlers: options.handlers,
    api: options.api ?? createApiClient(apiClientOptions(options)),
    leaseMs: leaseSeconds * 1000,
    beatMs: options.heartbeatMs,
    concurrency,
    logger,
    tracing: options.tracing,
    ...(options.handlerTimeoutMs === undefined ? {} : { handlerTimeoutMs: options.handlerTimeoutMs }),
    ...(options.clock ? { clock: options.clock } : {}),
  };
}

export function apiClientOptions({ apiUrl, apiHeaders, clock, ...options }: WorkerOptions): ApiClientOptions {
  if (apiUrl === undefined) {
    throw new MillraceError('configuration', 'apiUrl is missing: give the address of the Millrace API.');
  }
  const { workerId = 'worker', leaseSeconds = limits.leaseMs.default / 1000 } = options;
  return {
    apiUrl,
    workerId,
    leaseSeconds,
    ...(apiHeaders ? { headers: apiHeaders } : {}),
    ...(clock ? { clock } : {}),
  };
}

function requireRange(name: string, value: number, [min, max]: readonly [number, number]): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new MillraceError(
    'configuration',
    `${name} is ${value}; give a whole number from ${min} to ${max}.`,
    { detail: { option: name } },
  );
}
