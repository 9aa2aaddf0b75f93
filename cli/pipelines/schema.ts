import * as z from 'zod';

/** What a pipeline file may say. Unknown keys are faults: a setting that is misspelt would otherwise be one that is not made. */

/** A number, or a variable's text of one. */
const whole = z.union([
  z.int().min(0),
  z.string().regex(/^\d+$/, 'must be a whole number').transform(Number),
]);

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `5s`, `1h30m`; in milliseconds. */
const duration = z
  .string()
  .regex(/^(\d+(ms|s|m|h))+$/, 'must be a duration such as 500ms, 5s or 1h30m')
  .transform((text) =>
    [...text.matchAll(/(\d+)(ms|s|m|h)/g)].reduce(
      (sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0),
      0,
    ),
  );

const name = z.string().min(1);

/** Where a broker of this kind can run, as `millrace infra render` knows them. */
export const deployTargets = {
  nats: ['digitalocean.app_platform', 'aws.ecs', 'aws.eks', 'kubernetes.statefulset'],
  kafka: ['digitalocean.managed_kafka', 'aws.msk', 'kubernetes.strimzi'],
  kinesis: ['aws.kinesis'],
} as const;

/** For rendering a deployment; nothing here changes a running bus. */
const rendering = {
  version: z.string().optional(),
  replicas: whole.optional(),
  limits: z.strictObject({ cpu: z.string(), memory: z.string(), storage: z.string() }).partial().optional(),
};

export const brokerSchema = z.discriminatedUnion('provider', [
  z.strictObject({ provider: z.literal('memory'), broker_target: z.literal('in_process').optional() }),
  z.strictObject({
    provider: z.literal('pgchannel'),
    broker_target: z.literal('in_process'),
    dsn: name,
    poll_interval: duration.default(1_000),
    max_conns: whole.default(16),
  }),
  z.strictObject({
    provider: z.literal('nats'),
    deploy_target: z.enum(deployTargets.nats).optional(),
    /** Without it EVENTBUS_<NAME>_URI, then NATS_URL. */
    dsn: z.string().optional(),
    jetstream: z
      .strictObject({
        enabled: z.literal(true),
        max_storage_bytes: whole,
        max_memory_bytes: whole,
        max_age: duration,
      })
      .partial()
      .optional(),
    ...rendering,
  }),
  z.strictObject({
    provider: z.literal('kafka'),
    deploy_target: z.enum(deployTargets.kafka).optional(),
    /** Of PostgreSQL, where it is kept which messages are settled. */
    dsn: name,
    max_conns: whole.default(16),
    kafka: z.strictObject({
      bootstrap_servers: name,
      security_protocol: z.enum(['PLAINTEXT', 'SASL_SSL']).default('PLAINTEXT'),
      sasl_mechanism: z.enum(['SCRAM-SHA-256', 'SCRAM-SHA-512']).default('SCRAM-SHA-512'),
      sasl_username: z.string().optional(),
      sasl_password: z.string().optional(),
      ca_path: z.string().optional(),
      partitions: whole.optional(),
      default_replication_factor: whole.optional(),
      min_insync_replicas: whole.optional(),
    }),
    ...rendering,
  }),
  z.strictObject({
    provider: z.literal('kinesis'),
    deploy_target: z.enum(deployTargets.kinesis).optional(),
    /** Of PostgreSQL, where it is kept which messages are settled. */
    dsn: name,
    max_conns: whole.default(16),
    kinesis: z.strictObject({
      region: name,
      /** Of a Kinesis that is not AWS's. */
      endpoint: z.string().optional(),
      shard_count: whole.optional(),
    }),
    ...rendering,
  }),
]);

const brokerRef = { broker_ref: z.string().optional() };

export const streamSchema = z.strictObject({
  ...brokerRef,
  name,
  subjects: z.array(name).min(1),
  retention_policy: z
    .literal('RETENTION_POLICY_LIMITS', {
      error: 'must be RETENTION_POLICY_LIMITS: messages are kept by age, consumed or not',
    })
    .optional(),
  num_replicas: whole.optional(),
  max_bytes: whole.optional(),
  max_age: duration.optional(),
});

const consuming = {
  filter_subject: z.string().optional(),
  ack_policy: z
    .literal('ACK_POLICY_EXPLICIT', {
      error: 'must be ACK_POLICY_EXPLICIT: each message is acknowledged by itself',
    })
    .optional(),
  deliver_policy: z
    .literal('DELIVER_POLICY_ALL', {
      error: 'must be DELIVER_POLICY_ALL: a consumer begins at its first message',
    })
    .optional(),
  ack_wait: duration.optional(),
  max_deliver: whole.optional(),
  max_ack_pending: whole.optional(),
};

export const consumerSchema = z.strictObject({ ...brokerRef, name, stream_name: name, ...consuming });

const moduleSchema = z.discriminatedUnion('type', [
  z.strictObject({ name, type: z.literal('eventbus.broker'), config: brokerSchema }),
  z.strictObject({ name, type: z.literal('eventbus.stream'), config: streamSchema }),
  z.strictObject({ name, type: z.literal('eventbus.consumer'), config: consumerSchema }),
]);

export const stepSchema = z.discriminatedUnion('type', [
  z.strictObject({
    name,
    type: z.literal('step.eventbus.publish'),
    config: z.strictObject({
      ...brokerRef,
      subject: name,
      payload: z.string(),
      key: z.string().optional(),
      headers: z.record(z.string(), z.string()).optional(),
      correlation_id: z.string().optional(),
    }),
  }),
  z.strictObject({
    name,
    type: z.literal('step.eventbus.consume'),
    config: z.strictObject({
      ...brokerRef,
      /** The name of its module. */
      consumer: name,
      batch_size: whole.default(1),
      max_wait: duration.default(1_000),
    }),
  }),
  z.strictObject({
    name,
    type: z.literal('step.eventbus.ack'),
    config: z.strictObject({ ...brokerRef, ack_token: name }),
  }),
]);

const pipelineSchema = z.strictObject({
  trigger: z
    .strictObject({
      type: z.literal('trigger.eventbus.subscribe'),
      config: z.strictObject({ ...brokerRef, name, stream_name: z.string().optional(), ...consuming }),
    })
    .optional(),
  steps: z.array(stepSchema).default([]),
});

export const pipelineFileSchema = z.strictObject({
  modules: z.array(moduleSchema),
  pipelines: z.record(z.string(), pipelineSchema).default({}),
});

export type PipelineFile = z.output<typeof pipelineFileSchema>;
export type BrokerConfig = z.output<typeof brokerSchema>;
export type Step = z.output<typeof stepSchema>;
export type Pipeline = z.output<typeof pipelineSchema>;
