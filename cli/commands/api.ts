import { Command } from 'commander';
import { readInteger, readString } from '../../adapters/env.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { closeApp, compose, endWaits } from '../../functions/compose.ts';
import { startGateway } from '../dev/gateway.ts';
import { recordDispatchMode } from '../record-dispatch-mode.ts';
import { registerTypes } from '../register-types.ts';
import { loadServiceConfig } from '../service-config.ts';
import { aborted, announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';
import { syncSchedules } from '../sync-schedules.ts';
import { syncWorkflows } from '../sync-workflows.ts';

export function apiCommand(): Command {
  return new Command('api')
    .description(
      'serve the HTTP API: the same Lambda handlers behind a local gateway (WE_HTTP_PORT, WE_HTTP_HOST)',
    )
    .action(api);
}

async function api(): Promise<void> {
  const signal = shutdownSignal();
  const service = await loadServiceConfig();
  await registerTypes(service);
  await syncWorkflows(service);
  await syncSchedules(service);
  await recordDispatchMode('polling');
  const gateway = await startGateway({
    port: readInteger(process.env, 'WE_HTTP_PORT', { fallback: 8080, min: 0, max: 65_535 }),
    host: readString(process.env, 'WE_HTTP_HOST', '127.0.0.1'),
    logger: createJsonLogger(),
  });
  console.log(`api listening on ${gateway.url}`);
  announceReady({ apiUrl: gateway.url });
  const duties = compose().duties(signal);
  await aborted(signal);
  await duties;
  await endWaits();
  await gateway.stop();
  await closeApp();
  releaseParent();
}
