import { join } from 'node:path';
import { readEventBus } from '../../adapters/event-bus-config.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { chooseKafka, type KafkaChoice } from './backends/choose.ts';
import { type KafkaServer, startKafka } from './backends/kafka.ts';
import { type PostgresServer, startPostgres } from './backends/postgres.ts';
import { bootOnEventBus } from './bus-stack.ts';
import type { Releasers } from './releasers.ts';
import { applyServiceTopics } from './service-topics.ts';
import { bootStack, createProcessStarter, type Stack, type StackOptions } from './stack-parts.ts';

/**
 * Boots PostgreSQL and Kafka, migrates, creates the topics, and starts API, relay and worker, each as the process that a
 * user could start by hand with the same command and environment.
 */
export function startStack(options: StackOptions): Promise<Stack> {
  return bootStack(options, boot);
}

async function boot(options: StackOptions, releasers: Releasers): Promise<Stack> {
  const { onProgress, signal } = options;
  const name = readEventBus(process.env);
  if (name !== 'kafka') return bootOnEventBus(options, releasers, { name });
  // Asked first: without Kafka nothing else needs to be started.
  const choice = await chooseKafka(process.env);
  if (choice.kind === 'none') {
    return bootOnEventBus(options, releasers, { name: 'pgchannel', reason: choice.reason });
  }
  const { postgres, kafka } = await startBackends(options, { releasers, choice });
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

  const { children, start } = createProcessStarter(options, { releasers, env });
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
  { releasers, choice }: { releasers: Releasers; choice: KafkaChoice },
): Promise<{ postgres: PostgresServer; kafka: KafkaServer }> {
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
