import { Command } from 'commander';
import { runRelay } from '../../relay-cdc/main.ts';
import { announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';

export function relayCommand(): Command {
  return new Command('relay')
    .description('publish the outbox from the write-ahead log to Kafka; one of any number of these leads')
    .action(relay);
}

async function relay(): Promise<void> {
  const signal = shutdownSignal();
  await runRelay(process.env, { signal, onStarted: (addresses) => announceReady({ ...addresses }) });
  releaseParent();
}
