import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createStoreWatch } from '../../../adapters/prometheus/watched-store.ts';
import { systemClock } from '../../../adapters/system/clock.ts';
import { engineLines } from '../../../adapters/system/engine-lines.ts';
import { type DispatchMode, dispatchModes } from '../../../engine/deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { createJobMetrics } from '../../../functions/http/metrics.ts';
import { RelayMetrics } from '../../../relay-cdc/metrics.ts';
import { documentedMetrics, type Family, parsePage } from '../../helpers/prometheus.ts';

/** What the engines that teams come from show and say: other people's dashboards, alerts and searches know these names. */

const both = 'polling kafka_outbox';

/** Name, type, labels and modes of each metric. */
const metrics: readonly (readonly [name: string, type: string, labels: string, modes: string])[] = [
  // Of the Rochallor engine.
  ['workflow_definitions_uploaded_total', 'counter', '', both],
  ['workflow_instances_started_total', 'counter', '', both],
  ['workflow_instances_completed_total', 'counter', 'outcome', both],
  ['workflow_steps_executed_total', 'counter', 'step_type', both],
  ['job_retries_total', 'counter', '', both],
  ['job_poll_latency_seconds', 'histogram', '', 'polling'],
  ['job_lock_conflicts_total', 'counter', '', 'polling'],
  ['engine_job_pickup_latency_seconds', 'histogram', '', 'polling'],
  ['engine_job_timeout_total', 'counter', '', both],
  ['http_requests_duration_seconds', 'histogram', 'method,path,status', both],
  ['grpc_requests_duration_seconds', 'histogram', 'method,code', both],
  ['engine_db_transaction_duration_seconds', 'histogram', 'tx_type', both],
  ['engine_db_lock_wait_duration_seconds', 'histogram', 'operation', both],
  ['workflow_engine_dispatch_outbox_backlog', 'gauge', '', 'kafka_outbox'],
  ['workflow_engine_dispatch_relay_publish_total', 'counter', 'result', 'kafka_outbox'],
  ['workflow_engine_dispatch_relay_batch_latency_seconds', 'histogram', '', 'kafka_outbox'],
  ['workflow_engine_dispatch_relay_leader', 'gauge', '', 'kafka_outbox'],
  ['workflow_engine_kafka_producer_errors_total', 'counter', 'code', 'kafka_outbox'],
  // There it has a label `partition` too, and no series ever: here it is the worst partition's.
  ['workflow_engine_kafka_consumer_lag_seconds', 'gauge', 'topic,group', 'kafka_outbox'],
  // Of the distributed workflow engine.
  ['jobs_total', 'counter', 'type', both],
  ['jobs_success_total', 'counter', '', both],
  ['jobs_failed_total', 'counter', '', both],
  ['job_latency_seconds', 'histogram', '', both],
  ['queue_depth', 'gauge', '', both],
  ['dead_letter_depth', 'gauge', '', both],
  // There each worker has a label of its own with the same value; here one process shows it for all.
  ['worker_busy', 'gauge', '', both],
];

/** Every family that the pages of an installation in this mode show. */
async function shownIn(mode: DispatchMode): Promise<ReadonlyMap<string, Family>> {
  const counts = async () => ({ queueDepth: 0, running: 0, deadLetterDepth: 0 });
  const api = createJobMetrics(mode, { store: { counts }, clock: systemClock, logger: silentLogger });
  const pages = [parsePage(await api.page())];
  if (mode === 'kafka_outbox') {
    const written = new Registry();
    createStoreWatch(mode, written);
    pages.push(parsePage(await new RelayMetrics().registry.metrics()), parsePage(await written.metrics()));
  }
  return new Map(pages.flatMap((page) => [...page]));
}

test.each(dispatchModes)(
  'each metric of the originals is shown in mode %s if it is its own',
  async (mode) => {
    const page = await shownIn(mode);
    const shown = metrics.flatMap(([name]) => {
      const family = page.get(name);
      return family ? [`${name} ${family.type}`] : [];
    });
    const theirs = metrics.filter(([, , , modes]) => modes.includes(mode));
    expect(shown).toEqual(theirs.map(([name, type]) => `${name} ${type}`));
  },
);

test('each metric of the originals has their labels', () => {
  const labelsOf = new Map(documentedMetrics().map(({ name, labels }) => [name, labels.join()]));
  const told = metrics.map(([name]) => [name, labelsOf.get(name)]);
  expect(told).toEqual(metrics.map(([name, , labels]) => [name, labels]));
});

test('the histogram of pickups has the buckets that dashboards compute quantiles with', async () => {
  const { samples = [] } = (await shownIn('polling')).get('engine_job_pickup_latency_seconds') ?? {};
  const buckets = samples.flatMap(({ labels }) => labels['le'] ?? []);
  expect(buckets.join(' ')).toBe('0.001 0.002 0.005 0.01 0.02 0.03 0.05 0.075 0.1 0.25 0.5 1 2.5 5 10 +Inf');
});

/** Each line, and the processes that say it: in polling mode there is no relay. */
const lines: readonly (readonly [line: string, processes: string])[] = [
  ['engine: starting', 'api, relay'],
  ['kafka_outbox: validating topics', 'relay'],
  ['kafka_outbox: runtime started', 'relay'],
  ['engine: dispatch runtime ready', 'api, relay'],
  ['engine: REST listening', 'api'],
  ['engine: gRPC listening', 'api'],
  ['engine: metrics listening', 'api, relay'],
  ['dispatch: became relay leader', 'relay'],
  ['dispatch: relay started', 'relay'],
  ['dispatch: relay stopped', 'relay'],
  ['dispatch: relay cycle error', 'relay'],
  ['dispatch: advisory lock session lost', 'relay'],
  ['kafka_outbox: runtime stopped', 'relay'],
  ['engine: shutdown signal received', 'api, relay'],
  ['engine: stopped', 'api, relay'],
  ['engine: fatal', 'api, relay'],
];

test('each line of the log of the Rochallor engine is said, by the process that the guide names', () => {
  expect(Object.values(engineLines)).toEqual(lines.map(([line]) => line));
  const guide = readFileSync(
    resolve(import.meta.dirname, '../../../docs/guide/bring-your-rochallor-workers.md'),
    'utf8',
  );
  for (const [line, processes] of lines) expect(guide).toContain(`| \`${line}\` | ${processes} |`);
});
