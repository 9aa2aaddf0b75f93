import type { Json, JsonObject } from './template.ts';

export interface Statement {
  readonly effect?: 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly Json[];
  readonly condition?: JsonObject;
}

/** The role of one function: its own log, traces, and what the statements say. */
export function functionRole(functionName: Json, statements: readonly Statement[]): JsonObject {
  const all: readonly Statement[] = [ownLog(functionName), TRACES, ...statements];
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
        ],
      },
      Policies: [
        {
          PolicyName: 'function',
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: all.map(({ effect = 'Allow', actions, resources, condition }) => ({
              Effect: effect,
              Action: actions,
              Resource: resources,
              ...(condition && { Condition: condition }),
            })),
          },
        },
      ],
    },
  };
}

function ownLog(functionName: Json): Statement {
  const resource = arn('logs', ['log-group:/aws/lambda/', functionName, ':*']);
  return { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [resource] };
}

/** X-Ray's actions take no resource. */
const TRACES: Statement = {
  actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
  resources: ['*'],
};

/**
 * For a function in the network; of these actions Lambda needs each on any interface, which do not exist beforehand. It needs
 * them for itself: code of the function is denied them, by the name that Lambda puts into what the code asks for.
 */
export function inNetwork(functionName: Json): Statement[] {
  const actions = [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ];
  const ownCode = { 'lambda:SourceFunctionArn': [arn('lambda', ['function:', functionName])] };
  return [
    { actions, resources: ['*'] },
    { effect: 'Deny', actions, resources: ['*'], condition: { ArnEquals: ownCode } },
  ];
}

/** For the pollers of an event source mapping, which Lambda puts into the brokers' network. */
export const polled: Statement = {
  actions: [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeVpcs',
    'ec2:DescribeSubnets',
    'ec2:DescribeSecurityGroups',
  ],
  resources: ['*'],
};

export function connectsAs(role: string, resourceId: Json): Statement {
  return { actions: ['rds-db:connect'], resources: [arn('rds-db', ['dbuser:', resourceId, `/${role}`])] };
}

export function mayRead(secretArn: Json): Statement {
  return { actions: ['secretsmanager:GetSecretValue'], resources: [secretArn] };
}

/** One ARN in this account and region; parts that are not text are put in by CloudFormation. */
export function arn(service: string, parts: readonly Json[]): Json {
  const names: Record<string, Json> = {};
  const text = parts
    .map((part, index) => {
      if (typeof part === 'string') return part;
      names[`Part${index}`] = part;
      return `\${Part${index}}`;
    })
    .join('');
  const whole = `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${text}`;
  return { 'Fn::Sub': Object.keys(names).length === 0 ? whole : [whole, names] };
}
