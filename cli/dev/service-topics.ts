import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { applyTopics } from '../../adapters/kafka/topics.ts';
import type { StepId, Topic } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';

const DEV_PARTITIONS = 3;

/** Creates the topics of the steps on a development broker. */
export async function applyServiceTopics(
  env: Readonly<Record<string, string>>,
  types: readonly StepId[],
): Promise<Topic[]> {
  const topics = types.map(jobTopic);
  await applyTopics(
    readKafkaConfig(env),
    topics.map((topic) => ({ topic, partitions: DEV_PARTITIONS, replicationFactor: 1 })),
  );
  return topics;
}
