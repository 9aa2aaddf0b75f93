import { readDuration } from '../../adapters/env.ts';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { openTracing } from '../../adapters/opentelemetry/open-tracing.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { readWorkerConfig } from '../../functions/worker/config.ts';
import { createMskHandler } from '../../sdk/worker/msk-handler.ts';
import { startMskEventSource } from '../dev/msk-event-source.ts';
import { loadServiceConfig, stepIds } from '../service-config.ts';
import { readBatchSize } from './batching.ts';
import type { Source } from './start-runner.ts';

/** The Lambda handler, as it is deployed, behind a local MSK event source. */
export async function startMskLocal(): Promise<Source> {
  const { logLevel, traced, ...settings } = readWorkerConfig();
  const tracing = await openTracing(traced);
  const service = await loadServiceConfig();
  const logger = createJsonLogger(logLevel);
  const source = await startMskEventSource({
    batchSize: readBatchSize(),
    // Shorter than the shortest that an event source mapping has: a person is waiting.
    batchWindowMs: readDuration(process.env, 'WE_WORKER_BATCH_WINDOW', 5),
    streamer: createKafkaStreamer(readKafkaConfig(process.env), logger),
    steps: stepIds(service),
    bootstrapServers: process.env['WE_KAFKA_SEED_BROKERS'] ?? '',
    invoke: createMskHandler({ ...settings, tracing, handlers: service.jobs, logger }),
    timeoutMs: readDuration(process.env, 'WE_WORKER_FUNCTION_TIMEOUT', 60_000),
    logger,
    clock: systemClock,
  });
  return {
    stop: async () => {
      await source.stop();
      await tracing?.close();
    },
  };
}
