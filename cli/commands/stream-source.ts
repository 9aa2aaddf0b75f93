import type { EventBusName } from '../../adapters/event-bus-config.ts';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { openEventBus } from '../../adapters/open-event-bus.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { createBusStreamer } from '../../engine/bus-streamer.ts';
import { DISPATCH_STREAM, ensureDispatchStream } from '../../engine/dispatch-stream.ts';
import type { EventStreamer } from '../../engine/ports/event-streamer.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { KafkaRunner } from '../../sdk/kafka-runner.ts';
import { readBatchSize } from './batching.ts';
import { type Source, startRunner } from './start-runner.ts';

/** A long-lived worker on what the relay publishes to. */
export function startStreamRunner(bus: EventBusName): Promise<Source> {
  return startRunner({ concurrency: 1 }, async ({ options, api }) => {
    const { streamer, close } = await openStreamer(bus, options.logger);
    const runner = new KafkaRunner({ ...options, streamer, batchSize: readBatchSize(), ...(api && { api }) });
    return { runner, close };
  });
}

async function openStreamer(
  name: EventBusName,
  logger: Logger,
): Promise<{ streamer: EventStreamer; close: () => Promise<void> }> {
  if (name === 'kafka') {
    const { createKafkaStreamer } = await import('../../adapters/kafka/event-streamer.ts');
    return {
      streamer: createKafkaStreamer(readKafkaConfig(process.env), logger),
      close: async () => undefined,
    };
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
