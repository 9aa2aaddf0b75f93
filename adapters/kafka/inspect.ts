import type { Topic } from '../../events/ids.ts';
import { createClient } from './client.ts';
import type { KafkaConfig } from './config.ts';
import { translate } from './errors.ts';

export interface TopicFacts {
  readonly topic: Topic;
  readonly partitions: number;
  /** Copies of the partition that has the fewest. */
  readonly replicas: number;
  /** Copies that keep up, of the partition that has the fewest. */
  readonly inSync: number;
  /** Undefined where this principal may not see the configuration. */
  readonly minInSync: number | undefined;
  readonly maxMessageBytes: number | undefined;
}

export interface ClusterFacts {
  readonly brokers: number;
  /** Of those asked for, the ones that exist and may be seen. */
  readonly topics: readonly TopicFacts[];
}

/** What `millrace doctor` asks the cluster. */
export async function inspectCluster(config: KafkaConfig, topics: readonly Topic[]): Promise<ClusterFacts> {
  const admin = createClient(config, { clientId: 'millrace-doctor', retries: 2 }).admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const there = new Set(await admin.listTopics());
    const existing = topics.filter((topic) => there.has(topic));
    if (existing.length === 0) return { brokers: brokers.length, topics: [] };
    const metadata = await admin.fetchTopicMetadata({ topics: existing });
    const settings = await readSettings(admin, existing);
    return {
      brokers: brokers.length,
      topics: metadata.topics.map(({ name, partitions }) => ({
        topic: name as Topic,
        partitions: partitions.length,
        replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        inSync: Math.min(...partitions.map(({ isr }) => isr.length)),
        minInSync: settings.get(name)?.get('min.insync.replicas'),
        maxMessageBytes: settings.get(name)?.get('max.message.bytes'),
      })),
    };
  } catch (error) {
    throw translate(error, { config, doing: 'describing the cluster', otherwise: 'broker_unreachable' });
  } finally {
    await admin.disconnect();
  }
}

/** kafkajs has a name for it that Node cannot see when it imports CommonJS. */
const TOPIC_RESOURCE = 2;
const WANTED = ['min.insync.replicas', 'max.message.bytes'];
/** TOPIC_AUTHORIZATION_FAILED and CLUSTER_AUTHORIZATION_FAILED. */
const NOT_AUTHORIZED = new Set([29, 31]);

type Admin = ReturnType<ReturnType<typeof createClient>['admin']>;

/** What the principal may not see is left out; seeing it is not needed for anything else. */
async function readSettings(
  admin: Admin,
  topics: readonly Topic[],
): Promise<Map<string, Map<string, number>>> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: WANTED })),
    });
    return new Map(
      resources.map(({ resourceName, configEntries }) => [
        resourceName,
        new Map(configEntries.map(({ configName, configValue }) => [configName, Number(configValue)])),
      ]),
    );
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (typeof code === 'number' && NOT_AUTHORIZED.has(code)) return new Map();
    throw error;
  }
}
