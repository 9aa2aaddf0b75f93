import { expect, test } from 'vitest';
import { processMetrics } from '../../../../adapters/prometheus/process-metrics.ts';
import { parsePage, seriesValue } from '../../../helpers/prometheus.ts';

async function read(name: string): Promise<number | undefined> {
  return seriesValue(parsePage(await processMetrics.metrics()), name);
}

test('processor time rises with what was spent, and no faster', async () => {
  const before = (await read('process_cpu_seconds_total')) ?? Number.NaN;
  const from = process.cpuUsage();
  while (process.cpuUsage(from).user < 20_000);
  const after = (await read('process_cpu_seconds_total')) ?? Number.NaN;
  const { user, system } = process.cpuUsage();
  expect(after - before).toBeGreaterThan(0.019);
  expect(after).toBeLessThanOrEqual((user + system) / 1e6);
});

test('memory and the start are those of this process', async () => {
  expect(await read('process_resident_memory_bytes')).toBeGreaterThan(10 * 2 ** 20);
  expect(await read('process_start_time_seconds')).toBe(Math.round(performance.timeOrigin / 1000));
});

test.runIf(process.platform === 'linux')('what Linux knows of the process is told', async () => {
  const resident = (await read('process_resident_memory_bytes')) ?? Number.NaN;
  expect(await read('process_virtual_memory_bytes')).toBeGreaterThan(resident);
  const open = (await read('process_open_fds')) ?? Number.NaN;
  expect(open).toBeGreaterThan(2);
  expect(await read('process_max_fds')).toBeGreaterThanOrEqual(open);
});
