import { Command, Option } from 'commander';
import { readInteger } from '../../adapters/env.ts';
import { readEventBus } from '../../adapters/event-bus-config.ts';
import { PollingRunner } from '../../sdk/polling-runner.ts';
import { aborted, announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';
import { type Source, startRunner } from './start-runner.ts';

/** Starts a source. Those that need a broker are loaded when asked for: a worker that polls does without its client. */
const sources = {
  polling: startPolling,
  kafka: async () => (await import('./stream-source.ts')).startStreamRunner('kafka'),
  bus: async () => (await import('./stream-source.ts')).startStreamRunner(readEventBus(process.env)),
  'msk-local': async () => (await import('./msk-local-source.ts')).startMskLocal(),
} satisfies Record<string, (options: { standBy: boolean }) => Promise<Source>>;

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

function startPolling({ standBy }: { standBy: boolean }): Promise<Source> {
  return startRunner({ concurrency: 10 }, ({ options, api }) => {
    const prefetch = readInteger(process.env, 'WE_WORKER_PREFETCH', { fallback: 0, min: 0, max: 10_000 });
    const direct = api && { api, pollApi: api };
    return { runner: new PollingRunner({ ...options, prefetch, standBy, ...direct }) };
  });
}
