import { MillraceError } from '../../../engine/errors.ts';
import { chooseKafka, type KafkaChoice } from './choose.ts';
import { startKafkaContainer } from './kafka-container.ts';
import { startLocalKafka } from './kafka-local.ts';

export interface KafkaOptions {
  /** Made when absent, kept between starts. */
  readonly dir: string;
  /** Adds a SASL_SSL listener (SCRAM-SHA-512, ACLs, `kafkaUsers`) beside the plaintext one. */
  readonly secured?: boolean;
  readonly brokers?: 1 | 3;
  /** Of the first broker's plaintext listener; the others are free ones. */
  readonly port?: number;
  /** Java's notation; 512m when absent. */
  readonly heap?: string;
  /** Lets the JVM use its second compiler: for benchmarks. */
  readonly fullJit?: boolean;
  /** Broker properties, over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
  /** What `chooseKafka` found; asked for when absent. */
  readonly choice?: KafkaChoice;
}

export interface KafkaServer {
  readonly source: 'external' | 'docker' | 'local';
  /** Plaintext, as host:port. */
  readonly brokers: readonly string[];
  readonly securedBrokers?: readonly string[];
  /** Path of the PEM file with the certificate authority of the secured listener. */
  readonly ca?: string;
  /** Of the processes now running; empty for brokers in a container or of somebody else. */
  readonly pids: readonly number[];
  /** Resolves once no process is left. Safe to call twice. */
  stop(): Promise<void>;
  /** Brokers are numbered from 0, as in `brokers`. Kills without warning. */
  killBroker(index: number): Promise<void>;
  /** An orderly end of one broker. */
  stopBroker(index: number): Promise<void>;
  /** Stops the process from running, its connections open: a partition, or a machine that hangs. */
  pauseBroker(index: number): Promise<void>;
  resumeBroker(index: number): Promise<void>;
  /** Starts it on the same ports, and resolves once it serves; ends it first when it runs. */
  restartBroker(index: number): Promise<void>;
}

/** A real Apache Kafka on the loopback interface only, from wherever this machine can have it. */
export async function startKafka(options: KafkaOptions): Promise<KafkaServer> {
  options.signal?.throwIfAborted();
  const choice = options.choice ?? (await chooseKafka(process.env));
  switch (choice.kind) {
    case 'external':
      return externalKafka(choice.brokers);
    case 'docker':
      return startKafkaContainer(options);
    case 'local':
      return startLocalKafka(options, choice.java);
    case 'none':
      throw new MillraceError('configuration', choice.reason);
    default:
      return choice satisfies never;
  }
}

function externalKafka(brokers: readonly string[]): KafkaServer {
  const refuse = (): Promise<void> => Promise.reject(notOurs());
  return {
    source: 'external',
    brokers,
    pids: [],
    stop: () => Promise.resolve(),
    killBroker: refuse,
    stopBroker: refuse,
    pauseBroker: refuse,
    resumeBroker: refuse,
    restartBroker: refuse,
  };
}

function notOurs(): MillraceError {
  return new MillraceError(
    'configuration',
    'The brokers named in WE_KAFKA_SEED_BROKERS are not ours to stop or start. Unset it to run a broker here.',
  );
}
