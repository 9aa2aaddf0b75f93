import type { Resource } from './package.ts';

/** A rule over one resource: what is wrong with it, or undefined. */
type Rule = (
  properties: Record<string, unknown>,
  resource: Resource,
  all: Readonly<Record<string, Resource>>,
) => string | undefined;

/** By type, so that a type that nobody has thought about is seen: `faults` names those as well. */
const RULES: Readonly<Record<string, readonly Rule[]>> = {
  'AWS::RDS::DBInstance': [isFalse('PubliclyAccessible'), encryptedUnlessInCluster],
  'AWS::RDS::DBCluster': [isTrue('StorageEncrypted'), isTrue('DeletionProtection'), kept],
  'AWS::RDS::DBProxy': [isTrue('RequireTLS')],
  'AWS::MSK::Cluster': [privateBrokers, encryptedBrokers, noStrangers, kept],
  'AWS::MSK::ServerlessCluster': [kept],
  'AWS::Kinesis::Stream': [has('StreamEncryption'), kept],
  'AWS::EFS::FileSystem': [isTrue('Encrypted'), kept],
  'AWS::SQS::Queue': [encryptedQueue],
  'AWS::SNS::Topic': [has('KmsMasterKeyId')],
  'AWS::S3::Bucket': [has('BucketEncryption')],
  'AWS::KMS::Key': [isTrue('EnableKeyRotation')],
  'AWS::Logs::LogGroup': [has('RetentionInDays')],
  'AWS::IAM::Role': [boundedRole],
  'AWS::EC2::SecurityGroupIngress': [fromWithin],
  'AWS::EC2::SecurityGroup': [noInlineIngress],
  'AWS::EC2::Subnet': [noPublicAddresses],
  'AWS::ECS::TaskDefinition': [readOnlyContainers],
  'AWS::ECS::Service': [noPublicTask],
  'AWS::Lambda::Function': [modernFunction],
  'AWS::ApiGatewayV2::Route': [authorizedRoute],
};

/** Everything that breaks a rule, by logical id. */
export function faults(resources: Readonly<Record<string, Resource>>): string[] {
  return Object.entries(resources).flatMap(([name, resource]) =>
    (RULES[resource.Type] ?? []).flatMap((rule) => {
      const fault = rule(resource.Properties ?? {}, resource, resources);
      return fault === undefined ? [] : [`${name} (${resource.Type}): ${fault}`];
    }),
  );
}

function isTrue(name: string): Rule {
  return (properties) => (properties[name] === true ? undefined : `${name} is not true`);
}
function isFalse(name: string): Rule {
  return (properties) => (properties[name] === false ? undefined : `${name} is not false`);
}
function has(name: string): Rule {
  return (properties) => (properties[name] === undefined ? `${name} is missing` : undefined);
}
function kept(_: unknown, { DeletionPolicy }: Resource): string | undefined {
  return DeletionPolicy === 'Retain' || DeletionPolicy === 'Snapshot' ? undefined : 'goes with the stack';
}
/** An instance of a cluster has the cluster's storage. */
function encryptedUnlessInCluster(properties: Record<string, unknown>): string | undefined {
  return 'DBClusterIdentifier' in properties
    ? undefined
    : isTrue('StorageEncrypted')(properties, NO_RESOURCE, {});
}
const NO_RESOURCE: Resource = { Type: '', Properties: {} };

function privateBrokers(properties: Record<string, unknown>): string | undefined {
  const type = at(properties, 'BrokerNodeGroupInfo', 'ConnectivityInfo', 'PublicAccess', 'Type');
  return type === 'DISABLED' ? undefined : 'public access is not disabled';
}
function encryptedBrokers(properties: Record<string, unknown>): string | undefined {
  const { ClientBroker, InCluster } = at(properties, 'EncryptionInfo', 'EncryptionInTransit') as Record<
    string,
    unknown
  >;
  return ClientBroker === 'TLS' && InCluster === true ? undefined : 'clients or brokers talk in plain text';
}
function noStrangers(properties: Record<string, unknown>): string | undefined {
  const open = at(properties, 'ClientAuthentication', 'Unauthenticated', 'Enabled');
  return open === false ? undefined : 'lets clients in without authentication';
}
function encryptedQueue(properties: Record<string, unknown>): string | undefined {
  return properties['SqsManagedSseEnabled'] === true || properties['KmsMasterKeyId']
    ? undefined
    : 'is not encrypted';
}
function fromWithin(properties: Record<string, unknown>): string | undefined {
  return 'CidrIp' in properties || 'CidrIpv6' in properties ? 'lets addresses in, not a group' : undefined;
}
function noInlineIngress(properties: Record<string, unknown>): string | undefined {
  return 'SecurityGroupIngress' in properties ? 'has a rule of its own' : undefined;
}
function noPublicAddresses(properties: Record<string, unknown>): string | undefined {
  return properties['MapPublicIpOnLaunch'] === true ? 'gives public addresses' : undefined;
}
function noPublicTask(properties: Record<string, unknown>): string | undefined {
  const assign = at(properties, 'NetworkConfiguration', 'AwsvpcConfiguration', 'AssignPublicIp');
  return assign === 'DISABLED' ? undefined : 'tasks get public addresses';
}
function readOnlyContainers(properties: Record<string, unknown>): string | undefined {
  const containers = properties['ContainerDefinitions'] as Record<string, unknown>[];
  const wrong = containers.filter(
    ({ ReadonlyRootFilesystem, User }) => ReadonlyRootFilesystem !== true || !User || User === '0',
  );
  return wrong.length === 0 ? undefined : 'a container may write its root, or is root';
}
function modernFunction(properties: Record<string, unknown>): string | undefined {
  if (!/^nodejs(22|24)\.x$/.test(String(properties['Runtime']))) return `runs on ${properties['Runtime']}`;
  if (JSON.stringify(properties['Architectures']) !== '["arm64"]') return 'is not arm64';
  return at(properties, 'TracingConfig', 'Mode') === 'Active' ? undefined : 'is not traced';
}
function authorizedRoute(
  properties: Record<string, unknown>,
  _: Resource,
  all: Readonly<Record<string, Resource>>,
): string | undefined {
  const open = properties['AuthorizationType'] === undefined || properties['AuthorizationType'] === 'NONE';
  return open && !HEALTH.has(String(properties['RouteKey'])) && !asksItself(properties['Target'], all)
    ? `${properties['RouteKey']} is open to everybody`
    : undefined;
}

/** Whether the function behind a route asks for keys. */
function asksItself(target: unknown, all: Readonly<Record<string, Resource>>): boolean {
  const integration = all[/"Ref":"(HttpApiIntegration\w+)"/.exec(JSON.stringify(target))?.[1] ?? ''];
  const uri = JSON.stringify(integration?.Properties['IntegrationUri']);
  const name = /"Fn::GetAtt":\["(\w+)"/.exec(uri)?.[1] ?? '';
  return at(all[name]?.Properties, 'Environment', 'Variables', 'WE_AUTH') === 'keys';
}

/** They tell nothing but that the function answers. */
const HEALTH = new Set(['GET /health', 'GET /healthz']);

/** Actions that AWS defines without resources, so that `*` is the only one. */
const WITHOUT_RESOURCE =
  /^(xray:Put\w+|ecr:GetAuthorizationToken|ec2:(Create|Describe|Delete)\w*(NetworkInterface|Subnet|Vpc|SecurityGroup)s?|ec2:(Una|A)ssignPrivateIpAddresses)$/;

function boundedRole(properties: Record<string, unknown>): string | undefined {
  if (JSON.stringify(properties['ManagedPolicyArns'] ?? []).includes('Admin')) return 'is an administrator';
  for (const { Action, Resource } of statementsOf(properties)) {
    const actions = [Action].flat();
    const wild = actions.find((action) => action.includes('*'));
    if (wild) return `allows ${wild}`;
    if (![Resource].flat().includes('*')) continue;
    const unbound = actions.find((action) => !WITHOUT_RESOURCE.test(action));
    if (unbound) return `allows ${unbound} on *`;
  }
  return undefined;
}

export interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | string[];
  readonly Resource: unknown;
}

/** What a role allows. */
export function statementsOf(properties: Record<string, unknown>): Statement[] {
  const policies = (properties['Policies'] ?? []) as { PolicyDocument: { Statement: Statement[] } }[];
  return policies
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .filter(({ Effect }) => Effect === 'Allow');
}

function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    value,
  );
}
