import { readInteger, readOptional } from '../adapters/env.ts';
import { type App, closeApp, compose, endWaits } from '../functions/compose.ts';
import { createInProcessApi } from '../functions/worker/in-process-api.ts';
import type { PollApi } from '../sdk/worker/poll-client.ts';
import type { WorkerApi } from '../sdk/worker/worker-api.ts';
import { registerTypes } from './register-types.ts';
import { loadServiceConfig } from './service-config.ts';
import { syncSchedules } from './sync-schedules.ts';

export interface DirectWorker {
  readonly api: WorkerApi & PollApi;
  /** Undefined where nobody asked for the page. */
  readonly metricsUrl: string | undefined;
  close(): Promise<void>;
}

/**
 * For a worker without an API beside it: it works on PostgreSQL itself, makes its types and schedules known there, and stands for the
 * leader's duties (timers, expired leases), of which there is one leader whoever else stands.
 */
export async function open(settings: {
  readonly workerId: string;
  readonly leaseSeconds: number;
}): Promise<DirectWorker> {
  const service = await loadServiceConfig();
  await registerTypes(service);
  await syncSchedules(service);
  const app = compose();
  const page = await serveMetrics(app);
  const closing = new AbortController();
  const duties = app.duties(closing.signal);
  return {
    api: createInProcessApi(app, settings),
    metricsUrl: page?.url,
    close: async () => {
      await page?.close();
      closing.abort();
      await duties;
      await endWaits();
      await closeApp();
    },
  };
}

/** What the page of the API shows, which there is none of; only where a port is set, for there may be many such workers. */
async function serveMetrics({ metrics }: App) {
  if (readOptional(process.env, 'WE_METRICS_PORT') === undefined) return undefined;
  const { serveHealth } = await import('../relay-cdc/health.ts');
  return serveHealth(readInteger(process.env, 'WE_METRICS_PORT', { fallback: 9091, min: 0, max: 65_535 }), {
    metrics: () => metrics.page(),
    readiness: () => ({ ready: true, role: 'none', reason: 'the worker runs' }),
  });
}
