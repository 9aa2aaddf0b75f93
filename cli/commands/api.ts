import { Command } from 'commander';
import { readInteger, readOptional, readString } from '../../adapters/env.ts';
import { sayLine } from '../../adapters/system/engine-lines.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { closeApp, compose, endWaits } from '../../functions/compose.ts';
import { startGateway } from '../dev/gateway.ts';
import type { GrpcServer } from '../dev/grpc-server.ts';
import { recordDispatchMode } from '../record-dispatch-mode.ts';
import { registerTypes } from '../register-types.ts';
import { loadServiceConfig } from '../service-config.ts';
import { aborted, announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';
import { syncSchedules } from '../sync-schedules.ts';
import { syncWorkflows } from '../sync-workflows.ts';

export function apiCommand(): Command {
  return new Command('api')
    .description(
      'serve the HTTP API: the same Lambda handlers behind a local gateway (WE_HTTP_PORT, WE_HTTP_HOST), and gRPC (WE_GRPC_PORT)',
    )
    .action(api);
}

async function api(): Promise<void> {
  const signal = shutdownSignal();
  const logger = createJsonLogger();
  sayLine(logger, 'starting');
  const service = await loadServiceConfig();
  await registerTypes(service);
  await syncWorkflows(service);
  await syncSchedules(service);
  await recordDispatchMode('polling');
  sayLine(logger, 'runtimeReady', { mode: compose().deps.mode });
  const gateway = await startGateway({
    port: readInteger(process.env, 'WE_HTTP_PORT', { fallback: 8080, min: 0, max: 65_535 }),
    host: readString(process.env, 'WE_HTTP_HOST', '127.0.0.1'),
    logger,
  });
  console.log(`api listening on ${gateway.url}`);
  sayLine(logger, 'restListening', { addr: gateway.url });
  const grpc = await grpcServer(logger);
  if (grpc) {
    console.log(`grpc listening on ${grpc.url}`);
    sayLine(logger, 'grpcListening', { addr: grpc.url });
  }
  // The page is on the port of the API; in polling mode no other process of ours has one.
  sayLine(logger, 'metricsListening', { addr: `${gateway.url}/metrics` });
  announceReady({ apiUrl: gateway.url, ...(grpc ? { grpcUrl: grpc.url } : {}) });
  const duties = compose().duties(signal);
  await aborted(signal);
  sayLine(logger, 'shutdown');
  await duties;
  await endWaits();
  await Promise.all([gateway.stop(), grpc?.stop()]);
  await closeApp();
  sayLine(logger, 'stopped');
  releaseParent();
}

/** Read only where it is wanted. The usual port may be another stack's on this machine; a port that was asked for is insisted on. */
async function grpcServer(logger: Logger): Promise<GrpcServer | undefined> {
  const asked = readOptional(process.env, 'WE_GRPC_PORT');
  if (asked === 'off') return undefined;
  const { startGrpcServer } = await import('../dev/grpc-server.ts');
  const host = readString(process.env, 'WE_HTTP_HOST', '127.0.0.1');
  const port = readInteger(process.env, 'WE_GRPC_PORT', { fallback: 9090, min: 0, max: 65_535 });
  try {
    return await startGrpcServer({ port, host });
  } catch (error) {
    if (asked !== undefined) throw error;
    logger.warn('gRPC is not served: its port is taken. Set WE_GRPC_PORT to a free one, or to "off"', {
      port,
    });
    return undefined;
  }
}
