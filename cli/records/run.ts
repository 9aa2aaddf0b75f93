import { readInteger } from '../../adapters/env.ts';
import { processMetrics } from '../../adapters/prometheus/process-metrics.ts';
import { createRecordMetrics } from '../../adapters/prometheus/record-metrics.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import { hasTimeouts, runRecords } from '../../engine/records/run-records.ts';
import { consumerOf } from '../../engine/records/step-worker.ts';
import { serveHealth } from '../../relay-cdc/health.ts';
import { announceReady, releaseParent, shutdownSignal } from '../shutdown.ts';
import { loadRecordWorkflows } from './load-workflows.ts';
import { openRecordParts } from './open-parts.ts';

/** Works on the record workflows of a module until it is stopped: then it begins no step, and lets those under way end. */
export async function runModule(path: string): Promise<void> {
  const signal = shutdownSignal();
  const logger = createJsonLogger();
  const workflows = await loadRecordWorkflows(path);
  await using opened = await openRecordParts(logger, { timeouts: workflows.some(hasTimeouts) });
  const { parts } = opened;
  const metrics = createRecordMetrics(workflows.map(({ name }) => name));
  let isReady = false;
  const page = await serveHealth(readInteger(process.env, 'WE_METRICS_PORT', PORT), {
    metrics: async () => {
      for (const workflow of workflows) {
        const backlog = isReady ? await parts.bus.backlog(consumerOf(workflow)) : 0;
        metrics.backlog(workflow.name, backlog);
      }
      const pages = [metrics.registry, processMetrics].map((registry) => registry.metrics());
      return (await Promise.all(pages)).join('\n');
    },
    readiness: () => ({
      ready: isReady && !signal.aborted,
      role: 'none',
      reason: isReady ? 'the steps are done as their events come' : 'the consumers are being made',
    }),
  });
  signal.addEventListener('abort', () => logger.info('the steps under way are let end'), { once: true });
  const onReady = (): void => {
    isReady = true;
    announceReady({ metricsUrl: page.url });
    console.log(`ready; workflows=${workflows.map(({ name }) => name).join()}; metrics at ${page.url}`);
  };
  try {
    await runRecords(workflows, { ...parts, watch: metrics.watch }, { signal, onReady });
  } finally {
    await page.close();
    releaseParent();
  }
}

const PORT = { fallback: 9091, min: 0, max: 65_535 };
