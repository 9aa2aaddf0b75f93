import { Command } from 'commander';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import type { TopicPlan } from '../../adapters/kafka/topic-plan.ts';
import { applyTopics, checkTopics, planTopics } from '../../adapters/kafka/topics.ts';
import { MillraceError } from '../../engine/errors.ts';
import { jobTopic } from '../../events/topics.ts';
import { registerTypes } from '../register-types.ts';
import { loadServiceConfig, stepIds } from '../service-config.ts';

interface TopicOptions {
  readonly partitions: string;
  readonly replication: string;
  readonly json?: boolean;
}

export function topicsCommand(): Command {
  return new Command('topics')
    .description(
      'the topics of the steps in millrace.config.ts: workflow.jobs.<step id>, never created by anything else',
    )
    .addCommand(
      sized(new Command('plan').description('show what apply would create, changing nothing')).action(plan),
    )
    .addCommand(
      sized(
        new Command('apply').description('create the missing topics, and make the steps known to the API'),
      ).action(apply),
    )
    .addCommand(
      new Command('check')
        .description('exit with an error naming every topic that is missing')
        .option('--json', 'machine-readable output')
        .action(check),
    );
}

function sized(command: Command): Command {
  return command
    .option('--partitions <n>', 'partitions of a new topic: the most workers that can share it', '6')
    .option('--replication <n>', 'copies of each partition; 3 for a cluster that must not lose data', '1')
    .option('--json', 'machine-readable output');
}

async function wantedTopics(options: TopicOptions) {
  const partitions = count('--partitions', options.partitions);
  const replicationFactor = count('--replication', options.replication);
  const service = await loadServiceConfig();
  return {
    service,
    wanted: stepIds(service).map((type) => ({ topic: jobTopic(type), partitions, replicationFactor })),
  };
}

async function plan(options: TopicOptions): Promise<void> {
  const { wanted } = await wantedTopics(options);
  print(await planTopics(readKafkaConfig(process.env), wanted), options);
}

async function apply(options: TopicOptions): Promise<void> {
  const { service, wanted } = await wantedTopics(options);
  const plans = await applyTopics(readKafkaConfig(process.env), wanted);
  // After the topics: a job of a known type must find its topic.
  if (process.env['WE_POSTGRES_DSN']) await registerTypes(service);
  print(plans, options);
}

async function check(options: { json?: boolean }): Promise<void> {
  const topics = stepIds(await loadServiceConfig()).map(jobTopic);
  await checkTopics(readKafkaConfig(process.env), topics);
  if (options.json) console.log(JSON.stringify({ topics }));
  else console.log(`all topics present: ${topics.join(', ')}`);
}

function print(plans: readonly TopicPlan[], { json }: TopicOptions): void {
  if (json) {
    console.log(JSON.stringify({ topics: plans }));
    return;
  }
  for (const { topic, action, partitions } of plans)
    console.log(`${action.padEnd(8)} ${topic} (${partitions} partitions)`);
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new MillraceError('configuration', `${option} must be a whole number from 1 on, not "${text}".`);
}
