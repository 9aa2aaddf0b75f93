import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, readList, readOptional } from '../../../adapters/env.ts';
import { runCommand } from './processes.ts';

/** Where Kafka comes from, in the order in which the ways are tried. */
export type KafkaChoice =
  /** Brokers somebody else runs. */
  | { readonly kind: 'external'; readonly brokers: readonly string[] }
  | { readonly kind: 'docker' }
  /** Apache Kafka's jars on the JDK of this machine. */
  | { readonly kind: 'local'; readonly java: string }
  /** In one line, what to install. */
  | { readonly kind: 'none'; readonly reason: string };

const OLDEST_JAVA = 17;

export async function chooseKafka(env: Environment): Promise<KafkaChoice> {
  if (readOptional(env, 'WE_KAFKA_SEED_BROKERS') !== undefined) {
    return { kind: 'external', brokers: readList(env, 'WE_KAFKA_SEED_BROKERS') };
  }
  if (await hasDocker()) return { kind: 'docker' };
  const java = await findJava(env);
  if (java.kind === 'none') return java;
  if ((await hasJars()) || (await hasMaven())) return { kind: 'local', java: java.path };
  return none('Java is there, but Maven, which fetches Kafka, is not: install Maven, or start Docker');
}

/** The folder of Kafka's jars; in it, complete, or absent. */
export function kafkaLibs(): string {
  return join(import.meta.dirname, '..', '..', '..', '.millrace', 'kafka-4.1.0', 'libs');
}

function hasJars(): Promise<boolean> {
  return access(kafkaLibs()).then(
    () => true,
    () => false,
  );
}

async function hasDocker(): Promise<boolean> {
  // Loaded only here: it takes 0.3 s.
  const { getContainerRuntimeClient } = await import('testcontainers');
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

async function findJava(env: Environment): Promise<{ kind: 'java'; path: string } | KafkaNone> {
  const home = readOptional(env, 'JAVA_HOME');
  const candidates = home === undefined ? ['java'] : [join(home, 'bin', 'java'), 'java'];
  let newest = 0;
  for (const path of candidates) {
    const { code, output } = await runCommand(path, ['-version']);
    const version = code === 0 ? Number(/version "(\d+)/.exec(output)?.[1] ?? 0) : 0;
    if (version >= OLDEST_JAVA) return { kind: 'java', path };
    newest = Math.max(newest, version);
  }
  return newest === 0
    ? none('neither Java nor a Docker engine was found: install a JDK 17 or newer and Maven, or start Docker')
    : none(`Java ${newest} is too old: install a JDK 17 or newer and Maven, or start Docker`);
}

async function hasMaven(): Promise<boolean> {
  return (await runCommand('mvn', ['--version'])).code === 0;
}

type KafkaNone = Extract<KafkaChoice, { kind: 'none' }>;

function none(cause: string): KafkaNone {
  return {
    kind: 'none',
    reason: `Kafka cannot be started: ${cause}, or name running brokers in WE_KAFKA_SEED_BROKERS.`,
  };
}
