import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate } from '../../adapters/postgres/migrate.ts';
import type { StepId } from '../../events/ids.ts';
import { chooseKafka } from './backends/choose.ts';
import { type KafkaServer, startKafka } from './backends/kafka.ts';
import { type PostgresServer, startPostgres } from './backends/postgres.ts';
import { type Child, startChild } from './child.ts';
import { Releasers } from './releasers.ts';
import { applyServiceTopics } from './service-topics.ts';

export interface StackOptions {
  /** Holds the data directories and the logs. */
  readonly directory: string;
  readonly types: readonly StepId[];
  /** 0 for any free port. */
  readonly httpPort: number;
  readonly metricsPort: number;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Everything that runs a job from HTTP to its completion, on this machine. */
export interface Stack {
  readonly postgres: PostgresServer;
  readonly kafka: KafkaServer;
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly children: readonly Child[];
  /** Stops all of it, last started first. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Boots PostgreSQL and Kafka, migrates, creates the topics, and starts API, relay and worker, each as the process that a
 * user could start by hand with the same command and environment.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const releasers = new Releasers();
  try {
    return await boot(options, releasers);
  } catch (error) {
    await releasers.releaseAll();
    throw error;
  }
}

async function boot(options: StackOptions, releasers: Releasers): Promise<Stack> {
  const { directory, onProgress, signal } = options;
  await mkdir(join(directory, 'logs'), { recursive: true });
  const { postgres, kafka } = await startBackends(options, releasers);
  const applied = await migrate({ dsn: postgres.dsn });
  onProgress(`migrations     ${applied.applied.length} applied`);

  const env: Record<string, string> = {
    WE_POSTGRES_DSN: postgres.dsn,
    WE_DISPATCH_MODE: 'kafka_outbox',
    WE_KAFKA_TRANSPORT: 'plaintext',
    WE_KAFKA_SEED_BROKERS: kafka.brokers.join(','),
  };
  const topics = await applyServiceTopics(env, options.types);
  onProgress(`topics         ${topics.length} ready: ${topics.join(', ')}`);
  signal.throwIfAborted();

  const children: Child[] = [];
  const start = async (name: string, command: string[], extra: Record<string, string>) => {
    const log = join(directory, 'logs', `${name}.log`);
    const child = await startChild(name, { command, env: { ...env, ...extra }, log });
    releasers.add(() => child.stop());
    children.push(child);
    signal.throwIfAborted();
    return child;
  };
  const api = await start('api', ['api'], { WE_HTTP_PORT: String(options.httpPort) });
  const apiUrl = api.addresses['apiUrl'] ?? '';
  onProgress(`api            ${apiUrl}`);
  const relay = await start('relay', ['relay'], { WE_METRICS_PORT: String(options.metricsPort) });
  const metricsUrl = relay.addresses['metricsUrl'] ?? '';
  onProgress(`relay          leader, metrics at ${metricsUrl}`);
  await start('worker', ['worker', '--source', 'msk-local'], { WE_API_URL: apiUrl });
  onProgress('worker         Lambda handler behind the local MSK event source');
  return { postgres, kafka, apiUrl, metricsUrl, children, stop: () => releasers.releaseAll() };
}

async function startBackends(
  { directory, onProgress, signal }: StackOptions,
  releasers: Releasers,
): Promise<{ postgres: PostgresServer; kafka: KafkaServer }> {
  // Asked first: without Kafka nothing else needs to be started.
  const choice = await chooseKafka(process.env);
  const kafkaStart = startKafka({ dir: join(directory, 'kafka'), choice, onProgress, signal });
  const postgresStart = startPostgres({ dataDir: join(directory, 'postgres'), onProgress, signal });
  const [postgres, kafka] = await Promise.allSettled([postgresStart, kafkaStart]);
  if (postgres.status === 'fulfilled') releasers.add(() => postgres.value.stop());
  if (kafka.status === 'fulfilled') releasers.add(() => kafka.value.stop());
  if (postgres.status === 'rejected') throw postgres.reason;
  if (kafka.status === 'rejected') throw kafka.reason;
  onProgress(`postgresql     ${postgres.value.version}, wal_level=logical, ${postgres.value.dsn}`);
  onProgress(`kafka          ${kafka.value.source}, ${kafka.value.brokers.join(',')}`);
  return { postgres: postgres.value, kafka: kafka.value };
}
