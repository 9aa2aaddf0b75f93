import { Command } from 'commander';
import { sayLine } from '../../adapters/system/engine-lines.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { runRelay } from '../../relay-cdc/main.ts';
import { announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';

export function relayCommand(): Command {
  return new Command('relay')
    .description('publish the outbox from the write-ahead log to Kafka; one of any number of these leads')
    .action(relay);
}

async function relay(): Promise<void> {
  const signal = shutdownSignal();
  const logger = createJsonLogger();
  signal.addEventListener('abort', () => sayLine(logger, 'shutdown'), { once: true });
  await runRelay(process.env, { signal, logger, onStarted: (addresses) => announceReady({ ...addresses }) });
  sayLine(logger, 'stopped');
  releaseParent();
}
