import type { EventStreamer } from '../../engine/ports/event-streamer.ts';
import { type Logger, silentLogger } from '../../engine/ports/logger.ts';
import type { KafkaConfig } from './config.ts';
import { connectPublisher } from './publisher.ts';
import { connectReceiver } from './receiver.ts';

/** Kafka: publishing through the client that the configuration names, receiving through kafkajs. */
export function createKafkaStreamer(config: KafkaConfig, logger: Logger = silentLogger): EventStreamer {
  return {
    publisher: (options) => connectPublisher(config, options?.clientId ?? 'millrace'),
    receiver: (options) => connectReceiver(config, options, logger),
  };
}
