import { kafkaClients, readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { createTopics, describeKafka, kafkaBrokers } from '../helpers/kafka.ts';
import { testEventStreamer } from './event-streamer.suite.ts';

describeKafka('conformance', () => {
  for (const client of kafkaClients) {
    testEventStreamer(client, async () => ({
      streamer: createKafkaStreamer(
        readKafkaConfig({
          WE_KAFKA_TRANSPORT: 'plaintext',
          WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
          WE_KAFKA_CLIENT: client,
        }),
      ),
      createTopic: (topic) => createTopics([{ topic, partitions: 3 }]),
      tooLarge: Buffer.alloc(2_000_000),
    }));
  }
});
