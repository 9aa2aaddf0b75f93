import { readDocument } from '../../cli/pipelines/document.ts';
import { type PipelineFile, pipelineFileSchema } from '../../cli/pipelines/schema.ts';

type Target = (typeof targets)[number][1];

/** The `config` of a broker, by its provider, of which every value is another than the default. */
export const brokers = {
  nats: (target: Target) => `provider: nats
      version: "2.10"
      replicas: 5
      jetstream: { enabled: true, max_storage_bytes: 53687091200, max_memory_bytes: 268435456 }
      limits: { cpu: "1", memory: 2Gi${target === 'aws.ecs' ? '' : ', storage: 80Gi'} }`,
  kafka: (target: Target) => `provider: kafka
      dsn: \${DATABASE_URL}
      version: ${target === 'aws.msk' ? '3.8.x.kraft' : '4.0.0'}
      replicas: 3
      kafka:
        bootstrap_servers: \${BROKERS}
        security_protocol: SASL_SSL
        sasl_username: shop
        partitions: 12
        default_replication_factor: 3
        min_insync_replicas: 1
      limits: { ${target === 'aws.msk' ? '' : 'cpu: "2", memory: 8Gi, '}storage: 500Gi }`,
  kinesis: (_: Target) => `provider: kinesis
      dsn: \${DATABASE_URL}
      kinesis: { region: eu-west-1, shard_count: 4 }`,
} as const;

/** A broker of this `config`, and two streams. */
export function pipelineFile(config: string, name = 'shop-events'): PipelineFile {
  const text = `
modules:
  - name: ${name}
    type: eventbus.broker
    config:
      ${config}
  - name: orders
    type: eventbus.stream
    config: { name: ORDERS, subjects: ["orders.>"], max_age: 72h }
  - name: audit
    type: eventbus.stream
    config: { name: AUDIT_LOG, subjects: ["audit.>"], num_replicas: 1 }
`;
  return readDocument(text, { file: 'bus.yaml', env: {}, schema: pipelineFileSchema, unset: 'keep' });
}

/** Every target that is rendered, with the provider that it is of. */
export const targets = [
  ['nats', 'kubernetes.statefulset'],
  ['nats', 'aws.eks'],
  ['nats', 'aws.ecs'],
  ['kafka', 'kubernetes.strimzi'],
  ['kafka', 'aws.msk'],
  ['kinesis', 'aws.kinesis'],
] as const;
