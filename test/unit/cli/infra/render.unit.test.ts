import { loadAll } from 'js-yaml';
import { expect, test } from 'vitest';
import { renderInfra } from '../../../../cli/infra/render.ts';
import { deployTargets } from '../../../../cli/pipelines/schema.ts';
import { brokers, pipelineFile, targets } from '../../../helpers/pipeline-files.ts';

type Provider = keyof typeof brokers;

const full = {
  nats: brokers.nats('aws.eks'),
  kafka: brokers.kafka('kubernetes.strimzi'),
  kinesis: brokers.kinesis('aws.kinesis'),
};
const msk = brokers.kafka('aws.msk');

/** As JSON has it, so that a path into it can be compared. */
type Resource = { readonly kind: string; readonly [name: string]: unknown };

function rendered(config: string, target: string): string {
  return renderInfra(pipelineFile(config), { target }).text;
}

function resources(provider: Provider, target: string, config: string = full[provider]): Resource[] {
  return loadAll(rendered(config, target)) as Resource[];
}

function ofKind(all: readonly Resource[], kind: string): Resource | undefined {
  return all.find((one) => one.kind === kind);
}

test.each(targets)(
  '%s on %s comes out the same each time, and names nothing of the environment',
  (provider, target) => {
    const config = brokers[provider](target);
    const text = rendered(config, target);
    expect(rendered(config, target)).toBe(text);
    expect(text).not.toContain('DATABASE_URL');
    expect(text).not.toMatch(/\bmillrace(-|$)/m);
  },
);

test('a StatefulSet has the size of its broker, and every node knows the others', () => {
  const all = resources('nats', 'kubernetes.statefulset');
  const set = ofKind(all, 'StatefulSet');
  expect(set).toMatchObject({
    metadata: { name: 'shop-events-nats' },
    spec: {
      replicas: 5,
      template: {
        spec: {
          containers: [
            {
              image: 'nats:2.10-alpine',
              resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { memory: '2Gi' } },
            },
          ],
        },
      },
      volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '80Gi' } } } }],
    },
  });
  const { data } = ofKind(all, 'ConfigMap') as unknown as { data: { 'nats.conf': string } };
  expect(data['nats.conf']).toContain('max_file_store: 53687091200');
  expect(data['nats.conf']).toContain('max_memory_store: 268435456');
  expect(data['nats.conf'].match(/nats:\/\/shop-events-nats-\d\.shop-events-nats:6222/g)).toHaveLength(5);
});

test('a node alone does not wait for a cluster, and JetStream leaves its volume room', () => {
  const config = 'provider: nats\n      replicas: 1\n      jetstream: { max_storage_bytes: 10737418240 }';
  const all = resources('nats', 'kubernetes.statefulset', config);
  expect(JSON.stringify(ofKind(all, 'ConfigMap'))).not.toContain('cluster {');
  expect(JSON.stringify(ofKind(all, 'StatefulSet'))).toContain('"storage":"12Gi"');
});

test('on EKS the volumes are of a class of their own, encrypted, and stay', () => {
  const all = resources('nats', 'aws.eks');
  expect(ofKind(all, 'StorageClass')).toMatchObject({
    metadata: { name: 'shop-events-nats' },
    parameters: { encrypted: 'true' },
    reclaimPolicy: 'Retain',
  });
  expect(JSON.stringify(ofKind(all, 'StatefulSet'))).toContain('"storageClassName":"shop-events-nats"');
});

test('on ECS each node has a name, a store and a service of its own, and knows the others', () => {
  const text = rendered(brokers.nats('aws.ecs'), 'aws.ecs');
  for (const kind of ['Name', 'Files', 'Task', 'Service'])
    expect(text.match(new RegExp(`^  ${kind}[0-9]:`, 'gm'))).toHaveLength(5);
  expect(text.match(/AccessPointId: !Ref Files\d/g)).toHaveLength(5);
  expect(text.match(/server_name: \$NODE_NAME/g)).toHaveLength(5);
  expect(text.match(/NODE_NAME, Value: nats-\d/g)).toEqual(
    [0, 1, 2, 3, 4].map((n) => `NODE_NAME, Value: nats-${n}`),
  );
  expect(text.match(/nats:\/\/nats-3\.\$\{Prefix\}-nats\.internal:6222/g)).toHaveLength(5);
  expect(text).toContain('Default: public.ecr.aws/docker/library/nats:2.10-alpine');
  expect(text).toContain('NatsCpu: { Type: String, Default: "1024" }');
  expect(text).toContain('NatsMemory: { Type: String, Default: "2048" }');
  expect(rendered('provider: nats\n      replicas: 1', 'aws.ecs')).not.toContain('routes');
});

test('Strimzi gets the brokers, one user, and a topic for each stream', () => {
  const all = resources('kafka', 'kubernetes.strimzi');
  expect(all.map(({ kind, metadata }) => `${kind}/${(metadata as { name: string }).name}`)).toEqual([
    'KafkaNodePool/shop-events-brokers',
    'Kafka/shop-events',
    'KafkaUser/shop',
    'KafkaTopic/shop-events-orders',
    'KafkaTopic/shop-events-audit-log',
  ]);
  expect(ofKind(all, 'KafkaNodePool')).toMatchObject({
    spec: {
      replicas: 3,
      resources: { limits: { memory: '8Gi' } },
      storage: { volumes: [{ size: '500Gi' }] },
    },
  });
  expect(ofKind(all, 'Kafka')).toMatchObject({
    spec: {
      kafka: { version: '4.0.0', config: { 'default.replication.factor': 3, 'min.insync.replicas': 1 } },
    },
  });
  expect(all.slice(3).map(({ spec }) => spec)).toEqual([
    {
      topicName: 'millrace.bus.ORDERS',
      partitions: 12,
      replicas: 3,
      config: { 'retention.ms': 259_200_000 },
    },
    { topicName: 'millrace.bus.AUDIT_LOG', partitions: 12, replicas: 1, config: { 'retention.ms': -1 } },
  ]);
});

test('MSK gets the brokers, a user with a password, and a topic for each stream', () => {
  const text = rendered(msk.replace('replicas: 3', 'replicas: 6'), 'aws.msk');
  expect(text).toContain('NumberOfBrokerNodes: 6');
  expect(text).toContain('KafkaVersion: 3.8.x.kraft');
  expect(text).toContain('ScramUser: { Type: String, Default: shop,');
  expect(text).toContain('BrokerStorageGiB: { Type: Number, Default: 500 }');
  expect(text).toContain('min.insync.replicas=1\n');
  expect(text.match(/TopicName: .*/g)).toEqual([
    'TopicName: millrace.bus.ORDERS',
    'TopicName: millrace.bus.AUDIT_LOG',
  ]);
});

test('Kinesis gets its streams, which keep what is asked for and no less than a day', () => {
  const text = rendered(full.kinesis, 'aws.kinesis');
  expect(text.match(/(Name|ShardCount|RetentionPeriodHours): .*/g)).toEqual([
    ...['Name: millrace.bus.ORDERS', 'ShardCount: 4', 'RetentionPeriodHours: 72'],
    ...['Name: millrace.bus.AUDIT_LOG', 'ShardCount: 4', 'RetentionPeriodHours: 24'],
  ]);
});

test.each([
  ['nats', 'aws.msk', full.nats, /^nats is not deployed to aws\.msk; give one of .*aws\.eks/],
  [
    'nats',
    'nowhere',
    full.nats,
    /^nats is not deployed to nowhere; give one of aws\.ecs, aws\.eks, kubernetes\.statefulset\.$/,
  ],
  ['kafka', 'kubernetes.statefulset', full.kafka, /^kafka is not deployed to .*kubernetes\.strimzi/],
  ['kinesis', 'aws.eks', full.kinesis, /^kinesis is not deployed to aws\.eks; give one of aws\.kinesis\.$/],
  ['memory', 'aws.eks', 'provider: memory', /^memory has no servers of its own; /],
  ['nats', 'digitalocean.app_platform', full.nats, /would lose what it holds; take kubernetes\.statefulset/],
  ['kafka', 'digitalocean.managed_kafka', full.kafka, /takes no manifest; run doctl/],
  ['nats', 'aws.eks', 'provider: nats\n      version: latest', /^version is "latest"; give one such as/],
  ['nats', 'aws.eks', 'provider: nats\n      version: ${V}', /^version is "\${V}"; /],
  ['nats', 'aws.eks', 'provider: nats\n      replicas: 2', /^replicas is 2; give 1, 3 or 5/],
  ['nats', 'aws.eks', full.nats.replace('80Gi', '50Gi'), /^limits\.storage is 50Gi; .* needs 56Gi/],
  ['nats', 'aws.eks', full.nats.replace('2Gi', 'much'), /^limits\.memory is "much"; give a quantity/],
  [
    'nats',
    'aws.eks',
    'provider: nats\n      jetstream: { max_age: 1h }',
    /^jetstream\.max_age is of no server; /,
  ],
  ['nats', 'aws.ecs', full.nats, /^limits\.storage is given, and EFS has no size; /],
  ['nats', 'aws.ecs', 'provider: nats\n      limits: { cpu: "1" }', /give limits\.cpu and limits\.memory/],
  [
    'nats',
    'aws.ecs',
    'provider: nats\n      limits: { cpu: "3", memory: 8Gi }',
    /^Fargate has no 3 of a CPU; /,
  ],
  [
    'nats',
    'aws.ecs',
    'provider: nats\n      limits: { cpu: "1", memory: 9Gi }',
    /^Fargate has no 9Gi beside 1/,
  ],
  ['kafka', 'aws.msk', msk.replace('SASL_SSL', 'PLAINTEXT'), /is PLAINTEXT; set it to SASL_SSL/],
  ['kafka', 'aws.msk', msk.replace('replicas: 3', 'replicas: 4'), /^replicas is 4; give a multiple of 3/],
  ['kafka', 'aws.msk', msk.replace('storage:', 'cpu: "2", storage:'), /takes a class of brokers; /],
  [
    'kafka',
    'kubernetes.strimzi',
    full.kafka.replace('_factor: 3', '_factor: 4'),
    /give 1 to 3, as there are/,
  ],
  [
    'kafka',
    'kubernetes.strimzi',
    full.kafka.replace('username: shop', 'username: ${U}'),
    /"\${U}"; .*set the variable/,
  ],
  ['kinesis', 'aws.kinesis', `${full.kinesis}\n      replicas: 3`, /^Kinesis has no version, replicas/],
])('%s to %s is refused in one line, with what to do: %#', (_, target, config, message) => {
  const refused = () => rendered(config, target);
  expect(refused).toThrow(message);
  expect(refused).toThrow(/^[^\n]+\.$/);
});

test('every target that a file may name is rendered, or refused with a reason', () => {
  for (const [provider, names] of Object.entries(deployTargets)) {
    for (const target of names) {
      const isRendered = targets.some(([, one]) => one === target);
      if (!isRendered) expect(() => rendered(full[provider as Provider], target)).toThrow(/(take|run) /);
    }
  }
});

test('of several brokers one is to be named, and there must be one of that name', () => {
  const file = pipelineFile(full.nats);
  const other = { name: 'other', type: 'eventbus.broker', config: { provider: 'memory' } } as const;
  const two = { ...file, modules: [...file.modules, other] };
  expect(() => renderInfra(two, {})).toThrow('give --broker, one of: shop-events, other');
  expect(() => renderInfra(two, { broker: 'third' })).toThrow('There is no broker third');
  expect(() => renderInfra(file, {})).toThrow('No deploy_target is given');
});

test('streams that would take the place of each other are refused', () => {
  const file = pipelineFile(full.kinesis);
  const twin = {
    name: 't',
    type: 'eventbus.stream' as const,
    config: { name: 'Audit-Log', subjects: ['a'] },
  };
  const refused = () => renderInfra({ ...file, modules: [...file.modules, twin] }, { target: 'aws.kinesis' });
  expect(refused).toThrow('AUDIT_LOG and Audit-Log become one name');
});
