import { MillraceError } from '../../engine/errors.ts';
import { type Environment, readChoice, readList, readOptional, readString } from '../env.ts';
import { readNamedFile } from '../named-file.ts';

export const kafkaTransports = ['plaintext', 'sasl_scram_tls', 'msk_iam'] as const;
export type KafkaTransport = (typeof kafkaTransports)[number];

/** SCRAM credentials. The password is a function, so that printing or serialising a configuration cannot show it. */
export interface ScramCredentials {
  readonly mechanism: 'SCRAM-SHA-512' | 'SCRAM-SHA-256';
  readonly username: string;
  readonly password: () => string;
}

/** Either addresses, or the cluster whose addresses are asked for at each connect. */
export type BrokerSource =
  | { readonly kind: 'seeds'; readonly brokers: readonly string[] }
  | { readonly kind: 'cluster'; readonly arn: string };

export interface KafkaConfig {
  readonly transport: KafkaTransport;
  readonly source: BrokerSource;
  /** Present for `sasl_scram_tls` only. */
  readonly scram?: ScramCredentials;
  /** PEM text of the authority to trust beside the usual ones, as it is now: authorities are replaced under running processes. */
  readonly ca?: () => string;
  /** For `msk_iam`. */
  readonly region?: string;
  /** What publishes: our own record batches over @platformatic/kafka's connections, kafkajs, or that library's own producer. */
  readonly client: KafkaClient;
}

export const kafkaClients = ['direct', 'kafkajs', 'platformatic'] as const;
export type KafkaClient = (typeof kafkaClients)[number];

/**
 * There is no default transport, and no way from a secured one back to plaintext: what is not set is an error.
 */
export function readKafkaConfig(env: Environment): KafkaConfig {
  const transport = readChoice(env, 'WE_KAFKA_TRANSPORT', kafkaTransports);
  const ca = readCa(env);
  return Object.freeze({
    transport,
    source: readSource(env),
    client: readChoice(env, 'WE_KAFKA_CLIENT', kafkaClients, 'direct'),
    ...(transport === 'sasl_scram_tls' ? { scram: readScram(env) } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(transport === 'msk_iam' ? { region: readString(env, 'AWS_REGION') } : {}),
  });
}

function readSource(env: Environment): BrokerSource {
  const arn = readOptional(env, 'WE_KAFKA_CLUSTER_ARN');
  if (arn === undefined) return { kind: 'seeds', brokers: readBrokers(env) };
  if (!/^arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:cluster\/.+/.test(arn)) {
    throw new MillraceError(
      'configuration',
      `WE_KAFKA_CLUSTER_ARN is malformed: "${arn}" is not the ARN of an MSK cluster.`,
    );
  }
  return { kind: 'cluster', arn };
}

function readBrokers(env: Environment): string[] {
  const brokers = readList(env, 'WE_KAFKA_SEED_BROKERS');
  for (const broker of brokers) {
    if (/^[^\s:]+:\d{1,5}$/.test(broker)) continue;
    throw new MillraceError(
      'configuration',
      `WE_KAFKA_SEED_BROKERS is malformed: "${broker}" is not host:port.`,
    );
  }
  return brokers;
}

function readScram(env: Environment): ScramCredentials {
  const password = readString(env, 'WE_KAFKA_SASL_PASSWORD');
  return {
    mechanism: readChoice(
      env,
      'WE_KAFKA_SASL_MECHANISM',
      ['SCRAM-SHA-512', 'SCRAM-SHA-256'],
      'SCRAM-SHA-512',
    ),
    username: readString(env, 'WE_KAFKA_SASL_USERNAME'),
    password: () => password,
  };
}

function readCa(env: Environment): (() => string) | undefined {
  const path = readOptional(env, 'WE_KAFKA_TLS_CA_PATH');
  if (path === undefined) return undefined;
  const read = () => readNamedFile('WE_KAFKA_TLS_CA_PATH', path, 'It must name a PEM file.').toString();
  // A wrong path is told at the start, not at the first connection.
  read();
  return read;
}
