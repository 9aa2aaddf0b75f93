import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { barChart } from '../bar-chart.ts';
import type { PeerDrain } from './drain.ts';
import type { PeerResults } from './peers.ts';

export const CHART_DIRECTORY = join(import.meta.dirname, '..', '..', '..', 'docs', 'benchmarks');

const CHARTS: readonly {
  readonly file: string;
  readonly title: string;
  readonly pick: (drain: PeerDrain) => number;
}[] = [
  { file: 'rate', title: 'Rows a second, steady (more is better)', pick: (drain) => drain.steadyPerSecond },
  { file: 'cpu', title: 'Processor time a row, µs (less is better)', pick: (drain) => drain.cpuUs },
  { file: 'memory', title: 'Peak resident memory, MB (less is better)', pick: (drain) => drain.peakRssMb },
];

/** Draws what BENCHMARKS.md shows. @returns the paths written */
export async function savePeerCharts(results: PeerResults, perTransaction: number): Promise<string[]> {
  await mkdir(CHART_DIRECTORY, { recursive: true });
  return Promise.all(
    CHARTS.map(async ({ file, title, pick }) => {
      const path = join(CHART_DIRECTORY, `drain-${perTransaction}-${file}.svg`);
      const bars = results.rows.map(({ name, drains }, index) => ({
        label: name,
        values: drains.map(pick),
        isOurs: index === 0,
      }));
      const format = (value: number) =>
        value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
      await writeFile(path, barChart({ title, bars, format }));
      return path;
    }),
  );
}
