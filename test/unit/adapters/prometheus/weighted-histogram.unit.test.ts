import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { WeightedHistogram } from '../../../../adapters/prometheus/weighted-histogram.ts';
import { parsePage, seriesValue } from '../../../helpers/prometheus.ts';

const shape = { name: 'hop_seconds', help: 'h', buckets: [0.001, 0.01, 0.1] };

test('a value of weight n is what n observations of it are', async () => {
  const [weighted, plain] = [new Registry(), new Registry()];
  const one = new WeightedHistogram({ ...shape, label: 'hop', series: ['ack', 'claim'], registry: weighted });
  const other = new Histogram({ ...shape, labelNames: ['hop'], registers: [plain] });
  for (const hop of ['ack', 'claim']) other.zero({ hop });
  for (const [value, weight] of [
    [0.001, 3],
    [0.0011, 1],
    [0.25, 8],
    [0, 2],
  ] as const) {
    one.add('ack', value, weight);
    for (let n = 0; n < weight; n += 1) other.observe({ hop: 'ack' }, value);
  }
  expect(parsePage(await weighted.metrics())).toEqual(parsePage(await plain.metrics()));
});

test('every series is there from the start, so that a rate over it is right for the first batch', async () => {
  const registry = new Registry();
  new WeightedHistogram({ ...shape, label: 'hop', series: ['decode'], registry });
  expect(seriesValue(parsePage(await registry.metrics()), 'hop_seconds', { hop: 'decode' })).toBe(0);
});
