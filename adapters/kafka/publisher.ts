import type { Publisher } from '../../engine/ports/event-streamer.ts';
import type { KafkaConfig } from './config.ts';

/** Connects a producer of the configured client; the others are not even loaded. */
export async function connectPublisher(config: KafkaConfig, clientId: string): Promise<Publisher> {
  switch (config.client) {
    case 'direct': {
      const { connectDirectPublisher } = await import('./direct-publisher.ts');
      return connectDirectPublisher(config, clientId);
    }
    case 'kafkajs': {
      const { connectKafkaJsPublisher } = await import('./kafkajs-publisher.ts');
      return connectKafkaJsPublisher(config, clientId);
    }
    case 'platformatic': {
      const { connectPlatformaticPublisher } = await import('./platformatic-publisher.ts');
      return connectPlatformaticPublisher(config, clientId);
    }
    default:
      return config.client satisfies never;
  }
}
