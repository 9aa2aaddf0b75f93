import { Command, Option } from 'commander';
import { readInteger, readString } from '../../adapters/env.ts';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { KafkaRunner } from '../../sdk/kafka-runner.ts';
import { startMskEventSource } from '../dev/msk-event-source.ts';
import { loadServiceConfig, stepIds } from '../service-config.ts';
import { aborted, announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';

type Source = 'kafka' | 'msk-local';

export function workerCommand(): Command {
  return new Command('worker')
    .description('run the handlers of millrace.config.ts (WE_API_URL, WE_KAFKA_…)')
    .addOption(
      new Option(
        '--source <source>',
        'kafka: a long-lived consumer; msk-local: the Lambda handler behind a local MSK event source',
      )
        .choices(['kafka', 'msk-local'])
        .makeOptionMandatory(),
    )
    .action(worker);
}

async function worker({ source }: { source: Source }): Promise<void> {
  const signal = shutdownSignal();
  const stop = source === 'kafka' ? await startKafkaWorker() : await startLambdaWorker(signal);
  announceReady({});
  await aborted(signal);
  await stop();
  releaseParent();
}
