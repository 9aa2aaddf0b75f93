import { openTracing } from '../../adapters/opentelemetry/open-tracing.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { readWorkerConfig } from '../../functions/worker/config.ts';
import type { WorkerOptions } from '../../sdk/worker/worker-options.ts';
import type { DirectWorker } from '../direct-worker.ts';
import { loadServiceConfig } from '../service-config.ts';

/** What feeds the handlers of a worker process. */
export interface Source {
  readonly stop: () => Promise<void>;
  readonly metricsUrl?: string | undefined;
}

interface Opened {
  readonly runner: { start(): Promise<void>; stop(): Promise<void> };
  /** What the runner was given and does not end itself. */
  readonly close?: () => Promise<void>;
}

export interface RunnerParts {
  readonly options: WorkerOptions & { readonly logger: ReturnType<typeof createJsonLogger> };
  /** Where there is no API to ask: its part is done in this process. */
  readonly api: DirectWorker['api'] | undefined;
}

/** A worker that runs until it is stopped, on the API of `WE_API_URL` or on PostgreSQL itself. It loads no broker's client. */
export async function startRunner(
  defaults: { readonly concurrency: number },
  open: (parts: RunnerParts) => Opened | Promise<Opened>,
): Promise<Source> {
  const { logLevel, traced, ...settings } = readWorkerConfig(process.env, {
    ...defaults,
    mayUsePostgres: true,
  });
  const tracing = await openTracing(traced);
  const { jobs } = await loadServiceConfig();
  const direct =
    settings.apiUrl === undefined ? await (await import('../direct-worker.ts')).open(settings) : undefined;
  const options = { ...settings, tracing, handlers: jobs, logger: createJsonLogger(logLevel) };
  const { runner, close } = await open({ options, api: direct?.api });
  await runner.start();
  return {
    metricsUrl: direct?.metricsUrl,
    stop: async () => {
      await runner.stop();
      await direct?.close();
      await close?.();
      await tracing?.close();
    },
  };
}
