import { kafkaLibs } from './choose.ts';
import { ensureJars } from './maven-jars.ts';

/** Apache Kafka's own classes. */
export function ensureKafkaJars(onProgress: (line: string) => void): Promise<string> {
  return ensureJars(
    {
      title: 'Apache Kafka 4.1.0 (54 MB)',
      artifacts: [
        'org.apache.kafka:kafka_2.13:4.1.0',
        'org.apache.kafka:kafka-tools:4.1.0',
        // Without it Kafka is mute, also about why it does not start.
        'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3',
      ],
      dir: kafkaLibs(),
    },
    onProgress,
  );
}
