import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { processMetrics } from '../../../adapters/prometheus/process-metrics.ts';
import { createRecordMetrics } from '../../../adapters/prometheus/record-metrics.ts';
import { createStoreWatch } from '../../../adapters/prometheus/watched-store.ts';
import { systemClock } from '../../../adapters/system/clock.ts';
import { type DispatchMode, dispatchModes } from '../../../engine/deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { createJobMetrics } from '../../../functions/http/metrics.ts';
import { RelayMetrics } from '../../../relay-cdc/metrics.ts';
import { documentedMetrics, parsePage } from '../../helpers/prometheus.ts';

const counts = async () => ({ queueDepth: 1, running: 2, deadLetterDepth: 3 });

/** Every metric of a page, also those without a series yet. */
async function shown(text: string): Promise<{ name: string; type: string; help: string }[]> {
  return [...parsePage(text).values()].map(({ name, type, help }) => ({
    name,
    type,
    help,
  }));
}

async function apiPage(mode: DispatchMode): Promise<string> {
  return createJobMetrics(mode, { store: { counts }, clock: systemClock, logger: silentLogger }).page();
}

function documented(page: string, mode: string) {
  return documentedMetrics()
    .filter((metric) => metric.page === page && metric.modes.includes(mode))
    .map(({ name, type, help }) => ({ name, type, help }));
}

const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);

test.each(dispatchModes)(
  'docs/metrics.md lists what the API shows in mode %s, each with its meaning',
  async (mode) => {
    const page = await shown(await apiPage(mode));
    expect(page.sort(byName)).toEqual(documented('api', mode).sort(byName));
  },
);

test('docs/metrics.md lists what the relay shows, each with its meaning', async () => {
  const written = new Registry();
  createStoreWatch('kafka_outbox', written);
  const registries = [new RelayMetrics().registry, written, processMetrics];
  const pages = await Promise.all(registries.map((one) => one.metrics()));
  const page = await shown(pages.join('\n'));
  expect(page.sort(byName)).toEqual(documented('relay', 'kafka_outbox').sort(byName));
});

test('docs/metrics.md lists what `millrace records run` shows, each with its meaning', async () => {
  const registries = [createRecordMetrics(['orders']).registry, processMetrics];
  const pages = await Promise.all(registries.map((one) => one.metrics()));
  const page = await shown(pages.join('\n'));
  expect(page.sort(byName)).toEqual(documented('records', 'polling').sort(byName));
});

test('the two modes share what is common to both, and nothing else', () => {
  const all = documentedMetrics();
  const common = new Set(all.filter(({ modes }) => modes.length > 1).map(({ name }) => name));
  // What both modes show may be on a page that only one of them has.
  const only = (mode: string) => all.filter(({ name, modes }) => modes.join() === mode && !common.has(name));
  expect(only('polling').map(({ name }) => name)).toEqual([
    'job_pickup_latency',
    'lock_wait_seconds',
    'job_poll_latency_seconds',
    'job_lock_conflicts_total',
    'engine_job_pickup_latency_seconds',
  ]);
  for (const { name } of only('kafka_outbox')) expect(name).toMatch(/^workflow_engine_/);
});
