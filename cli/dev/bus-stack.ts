import { join } from 'node:path';
import type { EventBusName } from '../../adapters/event-bus-config.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { startNats } from './backends/nats.ts';
import { startPostgres } from './backends/postgres.ts';
import type { Releasers } from './releasers.ts';
import { createProcessStarter, type Stack, type StackOptions } from './stack-parts.ts';

export interface BusChoice {
  readonly name: Exclude<EventBusName, 'kafka'>;
  /** Why it is not Kafka, where nobody has asked for that. */
  readonly reason?: string;
}

/** The same way of a job, with an event bus where Kafka would be. */
export async function bootOnEventBus(
  options: StackOptions,
  releasers: Releasers,
  { name, reason }: BusChoice,
): Promise<Stack> {
  const { directory, onProgress, signal } = options;
  const through = name === 'nats' ? 'NATS JetStream' : 'PostgreSQL';
  const why = reason === undefined ? '' : ` (no Kafka: ${reason})`;
  onProgress(`event bus      ${name}: jobs go from the relay to the worker through ${through}${why}`);
  const busEnv = name === 'nats' ? await provideNats(options, releasers) : {};
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), onProgress, signal });
  releasers.add(() => postgres.stop());
  onProgress(`postgresql     ${postgres.version}, wal_level=logical, ${postgres.dsn}`);
  const { applied } = await migrate({ dsn: postgres.dsn });
  onProgress(`migrations     ${applied.length} applied`);
  signal.throwIfAborted();

  const mode = { WE_DISPATCH_MODE: 'kafka_outbox', WE_EVENT_BUS: name };
  const env = { WE_POSTGRES_DSN: postgres.dsn, ...mode, ...busEnv };
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
  return {
    postgres,
    kafka: undefined,
    bus: name,
    apiUrl,
    metricsUrl,
    children,
    stop: () => releasers.releaseAll(),
  };
}

/** The server that `WE_NATS_URL` names, or else one of our own. */
async function provideNats(
  { directory, onProgress }: StackOptions,
  releasers: Releasers,
): Promise<Record<string, string>> {
  const given = process.env['WE_NATS_URL'];
  if (given) return { WE_NATS_URL: given };
  const nats = await startNats({ dir: join(directory, 'nats'), onProgress });
  releasers.add(() => nats.stop());
  onProgress(`nats           ${nats.url}`);
  return { WE_NATS_URL: nats.url };
}
