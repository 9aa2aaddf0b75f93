import { join } from 'node:path';
import { migrate } from '../../adapters/postgres/migrate.ts';
import type { KafkaChoice } from './backends/choose.ts';
import { startPostgres } from './backends/postgres.ts';
import type { Releasers } from './releasers.ts';
import { createProcessStarter, type Stack, type StackOptions } from './stack-parts.ts';

/** The same way of a job, with the event bus in PostgreSQL where Kafka would be. */
export async function bootWithoutKafka(
  options: StackOptions,
  releasers: Releasers,
  choice: KafkaChoice,
): Promise<Stack> {
  const { directory, onProgress, signal } = options;
  const why = choice.kind === 'none' ? ` (no Kafka: ${choice.reason})` : '';
  onProgress(`event bus      pgchannel: jobs go from the relay to the worker through PostgreSQL${why}`);
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), onProgress, signal });
  releasers.add(() => postgres.stop());
  onProgress(`postgresql     ${postgres.version}, wal_level=logical, ${postgres.dsn}`);
  const { applied } = await migrate({ dsn: postgres.dsn });
  onProgress(`migrations     ${applied.length} applied`);
  signal.throwIfAborted();

  const env = { WE_POSTGRES_DSN: postgres.dsn, WE_DISPATCH_MODE: 'kafka_outbox', WE_EVENT_BUS: 'pgchannel' };
  const processes = createProcessStarter(options, { releasers, env });
  const api = await processes.start('api', ['api'], { WE_HTTP_PORT: String(options.httpPort) });
  const apiUrl = api.addresses['apiUrl'] ?? '';
  onProgress(`api            ${apiUrl}`);
  const relay = await processes.start('relay', ['relay'], { WE_METRICS_PORT: String(options.metricsPort) });
  const metricsUrl = relay.addresses['metricsUrl'] ?? '';
  onProgress(`relay          leader, metrics at ${metricsUrl}`);
  await processes.start('worker', ['worker', '--source', 'bus'], { WE_API_URL: apiUrl });
  onProgress('worker         long-lived, subscribed to the event bus');
  const { children } = processes;
  return { postgres, kafka: undefined, apiUrl, metricsUrl, children, stop: () => releasers.releaseAll() };
}
