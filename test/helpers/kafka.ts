import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  type IHeaders,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs';
import { describe, inject } from 'vitest';
import { createTopics as createThem } from '../../adapters/kafka/create-topics.ts';
import './provided.ts';
import { waitFor } from './wait-for.ts';

/** A suite that needs Kafka: where there is none it is skipped, and its name says why. */
export function describeKafka(name: string, suite: () => void): void {
  const missing = inject('WE_TEST_KAFKA_MISSING');
  if (missing === '') describe(name, suite);
  else describe.skip(`${name} (skipped: ${missing})`, suite);
}

/** A suite that needs the listener with SCRAM over TLS, which brokers named by the environment do not show us. */
export function describeSecuredKafka(name: string, suite: () => void): void {
  const isThere = inject('WE_TEST_KAFKA_SECURED_BROKERS').length > 0;
  const reason = 'unset WE_KAFKA_SEED_BROKERS to run a broker with a secured listener here';
  if (isThere || inject('WE_TEST_KAFKA_MISSING') !== '') describeKafka(name, suite);
  else describe.skip(`${name} (skipped: ${reason})`, suite);
}

export function kafkaBrokers(): string[] {
  return [...inject('WE_TEST_KAFKA_BROKERS')];
}

export function securedBrokers(): string[] {
  return [...inject('WE_TEST_KAFKA_SECURED_BROKERS')];
}

/** Path of the PEM file with the authority of the secured listener. */
export function kafkaCaPath(): string {
  return inject('WE_TEST_KAFKA_CA');
}

/** On the plaintext listener, as a super user. */
export function kafkaClient(): Kafka {
  return new Kafka({ clientId: 'test', brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
}

/** On the secured listener. One of `kafkaUsers`, or anybody, to be refused. */
export function securedClient(user: { readonly username: string; readonly password: string }): Kafka {
  return new Kafka({
    clientId: 'test-secured',
    brokers: securedBrokers(),
    logLevel: logLevel.NOTHING,
    ssl: { ca: readFileSync(kafkaCaPath(), 'utf8') },
    sasl: { mechanism: 'scram-sha-512', ...user },
    retry: { retries: 0 },
  });
}

/** A name no other test uses; the broker is shared. */
export function uniqueTopic(prefix = 'test'): string {
  return `${prefix}.${randomBytes(6).toString('hex')}`;
}

export interface TopicRequest {
  readonly topic: string;
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

export async function createTopics(topics: readonly (string | TopicRequest)[]): Promise<void> {
  const requests = topics.map((topic) => (typeof topic === 'string' ? { topic } : topic));
  await withAdmin((admin) =>
    createThem(
      admin,
      requests.map(({ topic, partitions = 1, config = {} }) => ({
        topic,
        numPartitions: partitions,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      })),
    ),
  );
}

export async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaClient().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

export interface ReadRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
  readonly timestamp: number;
}

/** Every record now in the topic: partition by partition, in the order of the offsets. */
export async function readTopic(topic: string): Promise<ReadRecord[]> {
  const ends = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  const wanted = ends.reduce((sum, { low, high }) => sum + Number(BigInt(high) - BigInt(low)), 0);
  if (wanted === 0) return [];
  const records: ReadRecord[] = [];
  const consumer = kafkaClient().consumer({ groupId: uniqueTopic('reader'), maxWaitTimeInMs: 50 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const { key, value, headers = {} } = message;
        const [offset, timestamp] = [BigInt(message.offset), Number(message.timestamp)];
        records.push({ partition, offset, key, value, headers, timestamp });
      },
    });
    await waitFor(() => records.length >= wanted, { within: 30_000, what: `${wanted} records of ${topic}` });
  } finally {
    await consumer.disconnect();
  }
  return records.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}

export interface Grant {
  /** The name at login, for instance `kafkaUsers.worker.username`. */
  readonly user: string;
  readonly resource: 'topic' | 'group' | 'cluster';
  readonly name: string;
  readonly operations: readonly (keyof typeof AclOperationTypes)[];
}

const RESOURCE_TYPES = {
  topic: AclResourceTypes.TOPIC,
  group: AclResourceTypes.GROUP,
  cluster: AclResourceTypes.CLUSTER,
} as const;

/** Lets a user of the secured listener do these things. */
export async function grant({ user, resource, name, operations }: Grant): Promise<void> {
  await withAdmin((admin) =>
    admin.createAcls({
      acl: operations.map((operation) => ({
        resourceType: RESOURCE_TYPES[resource],
        resourceName: name,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${user}`,
        host: '*',
        operation: AclOperationTypes[operation],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    }),
  );
}
