import { describe, it } from 'vitest';
import { kafkaClients, readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { eventStreamerSuite } from '../../sdk/testing/conformance/event-streamer.suite.ts';
import { createTopics, describeKafka, kafkaBrokers } from '../helpers/kafka.ts';

describeKafka('conformance', () => {
  for (const client of kafkaClients) {
    eventStreamerSuite(client, {
      describe,
      it,
      open: async () => ({
        streamer: createKafkaStreamer(
          readKafkaConfig({
            WE_KAFKA_TRANSPORT: 'plaintext',
            WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
            WE_KAFKA_CLIENT: client,
          }),
        ),
        createTopic: (topic) => createTopics([{ topic, partitions: 3 }]),
        tooLarge: Buffer.alloc(2_000_000),
      }),
    });
  }
});
