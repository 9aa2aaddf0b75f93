import { MillraceError } from '../../engine/errors.ts';
import type { StepId } from '../../events/ids.ts';
import { jobTopic, workerGroup } from '../../events/topics.ts';
import { logicalName } from './names.ts';
import { arn, functionRole, polled } from './policies.ts';
import { workerRoutes } from './routes.ts';
import type { Settings } from './settings.ts';
import type { Json, JsonObject } from './template.ts';

/** What the steps of the service bring along. */
export interface Workers {
  readonly functions: JsonObject;
  readonly resources: JsonObject;
}

/** Of one step: a topic, a function, its role, and the mapping between them. They share the bundle. */
export function workersOf(steps: readonly StepId[], settings: Settings): Workers {
  requireDistinct(steps);
  const functions: Record<string, Json> = {};
  const resources: Record<string, Json> = { WorkerFailures: FAILURES };
  for (const step of steps) {
    const name = logicalName(step);
    functions[`worker${name}`] = workerFunction(step, settings);
    resources[`Worker${name}Role`] = functionRole(functionName(step, settings), statements(step, settings));
    resources[`Topic${name}`] = topic(step, settings);
    resources[`Worker${name}Source`] = source(step, settings);
  }
  return { functions, resources };
}

/** Records that were tried in vain: only ever those of a worker that could not reach the API for hours. */
export const FAILURES = {
  Type: 'AWS::SQS::Queue',
  Properties: { MessageRetentionPeriod: 1_209_600, SqsManagedSseEnabled: true },
} as const;

function workerFunction(step: StepId, settings: Settings): JsonObject {
  const name = logicalName(step);
  return {
    name: functionName(step, settings),
    description: `Runs ${step}`,
    handler: 'dist/functions/worker/index.handler',
    package: { patterns: ['dist/functions/worker/**'] },
    role: { 'Fn::GetAtt': [`Worker${name}Role`, 'Arn'] },
    timeout: Number(settings.values['WorkerTimeout']),
    memorySize: Number(settings.values['WorkerMemory']),
    environment: {
      WE_API_URL: { 'Fn::Sub': `https://\${HttpApi}.execute-api.\${AWS::Region}.\${AWS::URLSuffix}` },
      WE_API_AUTH: 'iam',
    },
  };
}

function functionName(step: StepId, { prefix }: Settings): string {
  return `${prefix}-worker-${step.replaceAll(/[^A-Za-z0-9-]/g, '-')}`.slice(0, 64);
}

function statements(step: StepId, { values }: Settings) {
  const cluster = values['ClusterArn'];
  const path = clusterPath(cluster);
  const invoke = workerRoutes
    .filter(({ path: route }) => !route.includes('{id}') && !route.endsWith('/poll'))
    .map(({ method, path: route }) =>
      arn('execute-api', [{ Ref: 'HttpApi' }, `/$default/${method}${route}`]),
    );
  return [
    polled,
    { actions: ['execute-api:Invoke'], resources: invoke },
    { actions: ['kafka:DescribeClusterV2', 'kafka:GetBootstrapBrokers'], resources: [cluster] },
    {
      actions: ['kafka-cluster:Connect', 'kafka-cluster:DescribeClusterDynamicConfiguration'],
      resources: [cluster],
    },
    {
      actions: ['kafka-cluster:DescribeTopic', 'kafka-cluster:ReadData'],
      resources: [arn('kafka', ['topic/', path, `/${jobTopic(step)}`])],
    },
    {
      actions: ['kafka-cluster:DescribeGroup', 'kafka-cluster:AlterGroup'],
      resources: [arn('kafka', ['group/', path, `/${workerGroup(step)}`])],
    },
    { actions: ['sqs:SendMessage'], resources: [{ 'Fn::GetAtt': ['WorkerFailures', 'Arn'] }] },
  ];
}

/** Name and id of the cluster, which its topics and groups have in their ARNs. */
function clusterPath(cluster: Json): Json {
  return { 'Fn::Select': [1, { 'Fn::Split': [':cluster/', cluster] }] };
}

function topic(step: StepId, { broker, values }: Settings): JsonObject {
  return {
    Type: 'AWS::MSK::Topic',
    // A topic holds what is dispatched and not worked on: it must not go with a stack.
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: {
      ClusterArn: values['ClusterArn'],
      TopicName: jobTopic(step),
      PartitionCount: Number(values['Partitions']),
      ReplicationFactor: broker === 'existing' ? Number(values['Replication']) : 3,
    },
  };
}

/**
 * A mapping that waits for a batch, keeps the good half of a bad one, and gives up only after hours: a failed job is
 * recorded through the API and answered as done, so what Lambda repeats is only what could not be recorded.
 * There are no filter patterns: they read JSON, and a dispatch is protobuf, so any filter would drop every record.
 */
function source(step: StepId, { prefix, values }: Settings): JsonObject {
  const name = logicalName(step);
  return {
    Type: 'AWS::Lambda::EventSourceMapping',
    DependsOn: [`Topic${name}`],
    Properties: {
      FunctionName: { 'Fn::GetAtt': [`Worker${name}LambdaFunction`, 'Arn'] },
      EventSourceArn: values['ClusterArn'],
      Topics: [jobTopic(step)],
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: workerGroup(step) },
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: Number(values['BatchSize']),
      MaximumBatchingWindowInSeconds: Number(values['BatchWindow']),
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 1_000,
      MaximumRecordAgeInSeconds: 86_400,
      ProvisionedPollerConfig: {
        MinimumPollers: Number(values['PollersMin']),
        MaximumPollers: Number(values['PollersMax']),
        // The mappings of all steps share their pollers, which are paid by the hour.
        PollerGroupName: prefix,
      },
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['WorkerFailures', 'Arn'] } } },
      MetricsConfig: { Metrics: ['EventCount', 'ErrorCount', 'KafkaMetrics'] },
    },
  };
}

/** `a-b` and `a.b` are two topics, and would be one resource. */
function requireDistinct(steps: readonly StepId[]): void {
  const names = Map.groupBy(steps, logicalName);
  for (const same of names.values()) {
    if (same.length === 1) continue;
    throw new MillraceError(
      'configuration',
      `The steps ${same.join(' and ')} in millrace.config.ts differ in punctuation only, which CloudFormation does not tell ` +
        'apart. Rename one.',
    );
  }
}
