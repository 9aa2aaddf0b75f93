import { readDuration } from '../../adapters/env.ts';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { openTracing } from '../../adapters/opentelemetry/open-tracing.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { readWorkerConfig, type WorkerDefaults } from '../../functions/worker/config.ts';
import { KafkaRunner } from '../../sdk/kafka-runner.ts';
import { createMskHandler } from '../../sdk/worker/msk-handler.ts';
import { startMskEventSource } from '../dev/msk-event-source.ts';
import { loadServiceConfig, stepIds } from '../service-config.ts';
import { readBatchSize } from './batching.ts';

/** The sources that need a broker, in a file of their own: a worker that polls does not load it. */

export async function startKafkaRunner() {
  const { options, streamer, close } = await assemble({ concurrency: 1, mayUsePostgres: true });
  const direct =
    options.apiUrl === undefined ? await (await import('../direct-worker.ts')).open(options) : undefined;
  const runner = new KafkaRunner({
    ...options,
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
    },
  };
}

export async function startMskLocal() {
  const { options, streamer, steps, close } = await assemble();
  const source = await startMskEventSource({
    batchSize: readBatchSize(),
    // Shorter than the shortest that an event source mapping has: a person is waiting.
    batchWindowMs: readDuration(process.env, 'WE_WORKER_BATCH_WINDOW', 5),
    streamer,
    steps,
    bootstrapServers: process.env['WE_KAFKA_SEED_BROKERS'] ?? '',
    invoke: createMskHandler(options),
    timeoutMs: readDuration(process.env, 'WE_WORKER_FUNCTION_TIMEOUT', 60_000),
    logger: options.logger,
    clock: systemClock,
  });
  return {
    stop: async () => {
      await source.stop();
      await close();
    },
  };
}

async function assemble(defaults?: WorkerDefaults) {
  const { logLevel, traced, ...settings } = readWorkerConfig(process.env, defaults);
  const tracing = await openTracing(traced);
  const service = await loadServiceConfig();
  const logger = createJsonLogger(logLevel);
  const streamer = createKafkaStreamer(readKafkaConfig(process.env), logger);
  const options = { ...settings, tracing, handlers: service.jobs, logger };
  return { options, streamer, steps: stepIds(service), close: async () => tracing?.close() };
}
