import { Command, Option } from 'commander';
import { readInteger } from '../../adapters/env.ts';
import { openTracing } from '../../adapters/opentelemetry/open-tracing.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { readWorkerConfig } from '../../functions/worker/config.ts';
import { PollingRunner } from '../../sdk/polling-runner.ts';
import { loadServiceConfig } from '../service-config.ts';
import { aborted, announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';

/** Starts a source. */
const sources = {
  polling: startPolling,
  kafka: async () => (await import('./kafka-sources.ts')).startKafkaRunner(),
  bus: async () => (await import('./bus-source.ts')).startBusRunner(),
  'msk-local': async () => (await import('./kafka-sources.ts')).startMskLocal(),
} satisfies Record<string, (options: { standBy: boolean }) => Promise<Source>>;

interface Source {
  readonly stop: () => Promise<void>;
  readonly metricsUrl?: string | undefined;
}

export function workerCommand(): Command {
  return new Command('worker')
    .description(
      'run the handlers of millrace.config.ts through the API (WE_API_URL), or on PostgreSQL itself (WE_POSTGRES_DSN)',
    )
    .addOption(
      new Option(
        '--source <source>',
        'polling: takes jobs through the API, without Kafka; kafka: a long-lived consumer; bus: the same on what WE_EVENT_BUS names; msk-local: the Lambda handler behind a local MSK event source',
      )
        .choices(Object.keys(sources))
        .makeOptionMandatory(),
    )
    .option(
      '--stand-by',
      'with polling: take jobs only while the API cannot send them through Kafka (wal budget)',
    )
    .action(worker);
}

interface WorkerArguments {
  readonly source: keyof typeof sources;
  readonly standBy?: boolean;
}

async function worker({ source, standBy = false }: WorkerArguments): Promise<void> {
  const signal = shutdownSignal();
  const { stop, metricsUrl }: Source = await sources[source]({ standBy });
  console.log(`worker started; source=${source}${metricsUrl ? `; metrics at ${metricsUrl}` : ''}`);
  announceReady(metricsUrl ? { metricsUrl } : {});
  await aborted(signal);
  await stop();
  releaseParent();
}

async function startPolling({ standBy }: { standBy: boolean }): Promise<Source> {
  const { logLevel, traced, ...settings } = readWorkerConfig(process.env, {
    concurrency: 10,
    mayUsePostgres: true,
  });
  const tracing = await openTracing(traced);
  const { jobs } = await loadServiceConfig();
  const direct =
    settings.apiUrl === undefined ? await (await import('../direct-worker.ts')).open(settings) : undefined;
  const prefetch = readInteger(process.env, 'WE_WORKER_PREFETCH', { fallback: 0, min: 0, max: 10_000 });
  const runner = new PollingRunner({
    ...settings,
    prefetch,
    standBy,
    tracing,
    handlers: jobs,
    logger: createJsonLogger(logLevel),
    ...(direct ? { api: direct.api, pollApi: direct.api } : {}),
  });
  await runner.start();
  return {
    metricsUrl: direct?.metricsUrl,
    stop: async () => {
      await runner.stop();
      await direct?.close();
      await tracing?.close();
    },
  };
}
