import { readEventBus } from '../../adapters/event-bus-config.ts';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { openEventBus } from '../../adapters/open-event-bus.ts';
import { openTracing } from '../../adapters/opentelemetry/open-tracing.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { createBusStreamer } from '../../engine/bus-streamer.ts';
import { DISPATCH_STREAM, ensureDispatchStream } from '../../engine/dispatch-stream.ts';
import type { EventStreamer } from '../../engine/ports/event-streamer.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { readWorkerConfig } from '../../functions/worker/config.ts';
import { KafkaRunner } from '../../sdk/kafka-runner.ts';
import { loadServiceConfig } from '../service-config.ts';
import { readBatchSize } from './batching.ts';

/** A long-lived worker on whatever `WE_EVENT_BUS` names. */
export async function startBusRunner() {
  const { logLevel, traced, ...settings } = readWorkerConfig(process.env, {
    concurrency: 1,
    mayUsePostgres: true,
  });
  const tracing = await openTracing(traced);
  const { jobs } = await loadServiceConfig();
  const logger = createJsonLogger(logLevel);
  const { streamer, close } = await openStreamer(logger);
  const direct =
    settings.apiUrl === undefined ? await (await import('../direct-worker.ts')).open(settings) : undefined;
  const runner = new KafkaRunner({
    ...settings,
    tracing,
    handlers: jobs,
    logger,
    streamer,
    batchSize: readBatchSize(),
    ...(direct && { api: direct.api }),
  });
  await runner.start();
  return {
    metricsUrl: direct?.metricsUrl,
    stop: async () => {
      await runner.stop();
      await direct?.close();
      await close();
      await tracing?.close();
    },
  };
}

async function openStreamer(
  logger: Logger,
): Promise<{ streamer: EventStreamer; close: () => Promise<void> }> {
  const name = readEventBus(process.env);
  if (name === 'kafka') {
    const streamer = createKafkaStreamer(readKafkaConfig(process.env), logger);
    return { streamer, close: async () => undefined };
  }
  const { bus, close } = await openEventBus(name, {
    env: process.env,
    postgres: () => readPostgresConfig(process.env, { poolSize: 10 }),
    process: 'worker',
    clock: systemClock,
    logger,
  });
  await ensureDispatchStream(bus);
  return { streamer: createBusStreamer({ bus, clock: systemClock, stream: DISPATCH_STREAM }), close };
}
