import type { KafkaConfig } from '../../adapters/kafka/config.ts';
import type { ClusterFacts, TopicFacts } from '../../adapters/kafka/inspect.ts';
import type { Topic } from '../../events/ids.ts';
import { type Finding, failure, type Mend, ok, shell, warning } from './finding.ts';

const WANTED_COPIES = 3;

export interface ClusterContext {
  readonly config: KafkaConfig;
  readonly topics: readonly Topic[];
  /** The largest batch that the relay sends. */
  readonly batchBytes: number;
}

export function judgeTopics(facts: ClusterFacts, context: ClusterContext): Finding[] {
  const there = new Set(facts.topics.map(({ topic }) => topic));
  const missing = context.topics.filter((topic) => !there.has(topic));
  const copies = Math.min(WANTED_COPIES, facts.brokers);
  const findings: Finding[] = missing.map((topic) =>
    failure(
      `topic ${topic}`,
      'The topic does not exist, or this principal may not see it.',
      shell(`npx millrace topics apply --replication ${copies}`, 'with the step in millrace.config.ts'),
    ),
  );
  return [...findings, ...facts.topics.flatMap((topic) => judgeTopic(topic, facts, context))];
}

function judgeTopic(topic: TopicFacts, { brokers }: ClusterFacts, context: ClusterContext): Finding[] {
  const check = `topic ${topic.topic}`;
  const findings: (Finding | undefined)[] = [
    judgeCopies(check, topic, brokers, context.config),
    judgeInSync(check, topic, context.config),
    judgeSize(check, topic, context),
    topic.partitions > 1
      ? undefined
      : warning(
          check,
          'The topic has one partition, so one worker at a time has all of its jobs; more partitions change the order of keys.',
          shell(`kafka-topics.sh ${at(context.config)} --alter --topic ${topic.topic} --partitions 6`),
        ),
  ];
  const wrong = findings.filter((finding) => finding !== undefined);
  const fine = `${topic.partitions} partitions in ${topic.replicas} copies, ${topic.inSync} in step.`;
  return wrong.length > 0 ? wrong : [ok(check, fine)];
}

function judgeCopies(
  check: string,
  { topic, replicas }: TopicFacts,
  brokers: number,
  config: KafkaConfig,
): Finding | undefined {
  if (replicas >= Math.min(WANTED_COPIES, brokers)) {
    if (brokers >= WANTED_COPIES) return undefined;
    return warning(
      check,
      `The cluster has ${brokers} of the three brokers that losing one takes: for development only.`,
    );
  }
  return warning(
    check,
    `The topic has ${replicas} copies on ${brokers} brokers: losing a broker loses or stops it.`,
    shell(
      `kafka-reassign-partitions.sh ${at(config)} --generate --topics-to-move-json-file <(echo '{"version":1,"topics":[{"topic":"${topic}"}]}') --broker-list 1,2,3`,
      'and execute the plan with three replicas a partition',
    ),
  );
}

function judgeInSync(check: string, facts: TopicFacts, config: KafkaConfig): Finding | undefined {
  const { topic, replicas, inSync, minInSync } = facts;
  if (minInSync === undefined) {
    return warning(check, 'min.insync.replicas cannot be seen.', allow(config, [topic], ['DescribeConfigs']));
  }
  const set = (value: number) =>
    shell(
      `kafka-configs.sh ${at(config)} --alter --entity-type topics --entity-name ${topic} --add-config min.insync.replicas=${value}`,
    );
  if (minInSync > replicas) {
    const says = `min.insync.replicas is ${minInSync} and there are ${replicas} copies: nothing can be published.`;
    return failure(check, says, set(Math.max(1, replicas - 1)));
  }
  if (inSync < minInSync) {
    return failure(
      check,
      `Only ${inSync} copies are in step and ${minInSync} must be: nothing can be published now.`,
    );
  }
  if (replicas < WANTED_COPIES || minInSync >= 2) return undefined;
  return warning(
    check,
    'An acknowledged job is on one broker only while the other copies lag (min.insync.replicas).',
    set(2),
  );
}

function judgeSize(
  check: string,
  { topic, maxMessageBytes }: TopicFacts,
  { config, batchBytes }: ClusterContext,
): Finding | undefined {
  if (maxMessageBytes === undefined || maxMessageBytes >= batchBytes) return undefined;
  return failure(
    check,
    `The topic takes batches of ${maxMessageBytes} bytes, and the relay sends up to ${batchBytes}: jobs may end as dead letters.`,
    shell(
      `kafka-configs.sh ${at(config)} --alter --entity-type topics --entity-name ${topic} --add-config max.message.bytes=1048588`,
    ),
  );
}

/** The grants that a principal lacks. */
export function allow(config: KafkaConfig, topics: readonly Topic[], operations: readonly string[]): Mend {
  const each = operations.map((operation) => `--operation ${operation}`).join(' ');
  const user = config.scram?.username ?? 'ANONYMOUS';
  return {
    in: 'shell',
    run: topics.map(
      (topic) => `kafka-acls.sh ${at(config)} --add --allow-principal User:${user} ${each} --topic ${topic}`,
    ),
    ...(config.transport === 'msk_iam'
      ? { note: 'on MSK with IAM instead: kafka-cluster:WriteData and DescribeTopic in the policy' }
      : {}),
  };
}

function at({ source, transport }: KafkaConfig): string {
  const servers = source.kind === 'seeds' ? source.brokers.join(',') : '<brokers>';
  return `--bootstrap-server ${servers}${transport === 'plaintext' ? '' : ' --command-config admin.properties'}`;
}
