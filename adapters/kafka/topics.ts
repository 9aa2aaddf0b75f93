import type { Admin } from 'kafkajs';
import { MillraceError } from '../../engine/errors.ts';
import type { Topic } from '../../events/ids.ts';
import { createClient } from './client.ts';
import type { KafkaConfig } from './config.ts';
import { createTopics } from './create-topics.ts';
import { translate } from './errors.ts';
import { resolveBrokers } from './msk-brokers.ts';
import { applyMskTopics, planMskTopics } from './msk-topics.ts';
import { type TopicPlan, toPlan, type WantedTopic } from './topic-plan.ts';

/** What {@link applyTopics} would do, changing nothing. */
export function planTopics(config: KafkaConfig, wanted: readonly WantedTopic[]): Promise<TopicPlan[]> {
  if (config.source.kind === 'cluster') return planMskTopics(config.source.arn, wanted);
  return withAdmin(config, 'reading the topics', (admin) => plan(admin, wanted));
}

/** Creates the missing topics, and resolves when every broker knows them. Existing ones stay as they are. */
export function applyTopics(config: KafkaConfig, wanted: readonly WantedTopic[]): Promise<TopicPlan[]> {
  if (config.source.kind === 'cluster') return applyMskTopics(config.source.arn, wanted);
  return withAdmin(config, 'creating the topics', async (admin) => {
    const plans = await plan(admin, wanted);
    const missing = wanted.filter((_, index) => plans[index]?.action === 'create');
    if (missing.length > 0) {
      await createTopics(
        admin,
        missing.map(({ topic, partitions, replicationFactor }) => ({
          topic,
          numPartitions: partitions,
          replicationFactor,
        })),
      );
    }
    return plans;
  });
}

/**
 * @throws MillraceError `topic_missing` naming every topic that is not there, `broker_not_authorized` for one that this
 *   principal may not see
 */
export function checkTopics(config: KafkaConfig, topics: readonly Topic[]): Promise<void> {
  return withAdmin(config, 'reading the topics', (admin) => requireTopics(admin, config, topics));
}

async function requireTopics(admin: Admin, config: KafkaConfig, topics: readonly Topic[]): Promise<void> {
  const visible = new Set(await admin.listTopics());
  const missing: Topic[] = [];
  for (const topic of topics.filter((candidate) => !visible.has(candidate))) {
    // The list leaves out what the principal may not see; asked for by name, the two cases differ.
    const doing = `describing the topic ${topic}`;
    const meaning = await admin.fetchTopicMetadata({ topics: [topic] }).then(
      () => undefined,
      (error: unknown) => translate(error, { config, doing }),
    );
    if (meaning && meaning.code !== 'topic_missing') throw meaning;
    missing.push(topic);
  }
  if (missing.length === 0) return;
  throw new MillraceError(
    'topic_missing',
    `${missing.length === 1 ? 'The topic' : 'These topics'} ${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} ` +
      'not exist. Topics are never created automatically; run: millrace topics apply',
    { detail: { topics: missing } },
  );
}

async function plan(admin: Admin, wanted: readonly WantedTopic[]): Promise<TopicPlan[]> {
  const there = new Set(await admin.listTopics());
  const existing = wanted.filter(({ topic }) => there.has(topic)).map(({ topic }) => topic);
  const metadata = existing.length === 0 ? [] : (await admin.fetchTopicMetadata({ topics: existing })).topics;
  const counts = new Map(metadata.map(({ name, partitions }) => [name, partitions.length]));
  return toPlan(wanted, counts);
}

async function withAdmin<T>(
  config: KafkaConfig,
  doing: string,
  use: (admin: Admin) => Promise<T>,
): Promise<T> {
  // kafkajs asks as well, and would make any refusal one of the network.
  await resolveBrokers(config);
  const admin = createClient(config, { retries: 2 }).admin();
  try {
    await admin.connect();
    return await use(admin);
  } catch (error) {
    throw translate(error, { config, doing, otherwise: 'broker_unreachable' });
  } finally {
    await admin.disconnect();
  }
}
