import { closeApp, compose, endWaits } from '../functions/compose.ts';
import { createInProcessApi } from '../functions/worker/in-process-api.ts';
import type { PollApi } from '../sdk/worker/poll-client.ts';
import type { WorkerApi } from '../sdk/worker/worker-api.ts';
import { registerTypes } from './register-types.ts';
import { loadServiceConfig } from './service-config.ts';

export interface DirectWorker {
  readonly api: WorkerApi & PollApi;
  close(): Promise<void>;
}

/**
 * For a worker without an API beside it: it works on PostgreSQL itself, makes its types known there, and stands for the
 * leader's duties (timers, expired leases), of which there is one leader whoever else stands.
 */
export async function open(settings: {
  readonly workerId: string;
  readonly leaseSeconds: number;
}): Promise<DirectWorker> {
  await registerTypes(await loadServiceConfig());
  const app = compose();
  const closing = new AbortController();
  const duties = app.duties(closing.signal);
  return {
    api: createInProcessApi(app, settings),
    close: async () => {
      closing.abort();
      await duties;
      await endWaits();
      await closeApp();
    },
  };
}
