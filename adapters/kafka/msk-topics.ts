import { setTimeout as delay } from 'node:timers/promises';
import type { TopicInfo } from '@aws-sdk/client-kafka';
import { MillraceError } from '../../engine/errors.ts';
import { askMsk } from './msk-control-plane.ts';
import { type TopicPlan, toPlan, type WantedTopic } from './topic-plan.ts';

const POLL_MS = 500;
const POLLS = 240;

/** What {@link applyMskTopics} would do, changing nothing. */
export async function planMskTopics(arn: string, wanted: readonly WantedTopic[]): Promise<TopicPlan[]> {
  return toPlan(wanted, await partitionsOf(arn));
}

/** Creates the missing topics through MSK itself, so from where no broker can be reached. Existing ones stay as they are. */
export async function applyMskTopics(arn: string, wanted: readonly WantedTopic[]): Promise<TopicPlan[]> {
  const plans = await planMskTopics(arn, wanted);
  const missing = wanted.filter((_, index) => plans[index]?.action === 'create');
  for (const topic of missing) await createTopic(arn, topic);
  for (const { topic } of missing) await untilActive(arn, topic);
  return plans;
}

async function partitionsOf(arn: string): Promise<Map<string, number>> {
  const topics = await askMsk(arn, 'kafka:ListTopics', async (client, { ListTopicsCommand }) => {
    const found: TopicInfo[] = [];
    let NextToken: string | undefined;
    do {
      const page = await client.send(new ListTopicsCommand({ ClusterArn: arn, NextToken }));
      found.push(...(page.Topics ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return found;
  });
  return new Map(topics.map(({ TopicName = '', PartitionCount = 0 }) => [TopicName, PartitionCount]));
}

function createTopic(arn: string, { topic, partitions, replicationFactor }: WantedTopic): Promise<unknown> {
  return askMsk(arn, `kafka:CreateTopic ${topic}`, (client, { CreateTopicCommand }) =>
    client
      .send(
        new CreateTopicCommand({
          ClusterArn: arn,
          TopicName: topic,
          PartitionCount: partitions,
          ReplicationFactor: replicationFactor,
        }),
      )
      // Somebody was faster, or our own first try had been heard.
      .catch((error: unknown) => {
        if (!(error instanceof Error && error.name === 'TopicExistsException')) throw error;
      }),
  );
}

async function untilActive(arn: string, topic: string): Promise<void> {
  for (let tries = 0; tries < POLLS; tries += 1) {
    const { Status } = await askMsk(arn, `kafka:DescribeTopic ${topic}`, (client, { DescribeTopicCommand }) =>
      client.send(new DescribeTopicCommand({ ClusterArn: arn, TopicName: topic })),
    );
    if (Status !== 'CREATING') return;
    await delay(POLL_MS);
  }
  throw new MillraceError('unavailable', `MSK is still making the topic ${topic}. Run this again later.`, {
    retryable: true,
  });
}
