import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Topic } from '../../../events/ids.ts';
import { barChart } from '../bar-chart.ts';
import type { BenchStack } from '../environment.ts';
import { anyKey, type LatencySubject, measureLatency, ourLatency, throughOutbox } from '../latency.ts';
import { median, type Percentiles, spread } from '../statistics.ts';
import { DEBEZIUM_TOPIC, DEBEZIUM_VERSION, startDebezium } from './debezium.ts';
import { CHART_DIRECTORY } from './peer-charts.ts';
import { createPeerOutboxes, PEER_AGGREGATE, PEER_TABLE, recreateBaseSlot } from './peer-outbox.ts';
import { createPeerTopics } from './peers.ts';

export interface PeerLatency {
  readonly name: string;
  readonly results: readonly Percentiles[];
}

/** Ours first. pg-transactional-outbox does not keep up with the rate. */
export async function benchPeerLatency(
  stack: BenchStack,
  options: {
    readonly rounds: number;
    readonly rate: number;
    readonly seconds: number;
    readonly progress: (line: string) => void;
  },
): Promise<PeerLatency[]> {
  const { rounds, progress } = options;
  await createPeerOutboxes(stack);
  await createPeerTopics(stack);
  const subjects: readonly (readonly [string, LatencySubject])[] = [
    ['Millrace relay, with write-back', ourLatency(stack)],
    [`Debezium ${DEBEZIUM_VERSION}, defaults`, debezium(stack, false)],
    [`Debezium ${DEBEZIUM_VERSION}, tuned`, debezium(stack, true)],
  ];
  const found = new Map<string, Percentiles[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, subject] of subjects) {
      progress(`latency at ${options.rate} rows/s, ${name}, round ${round} of ${rounds}`);
      found.set(name, [...(found.get(name) ?? []), await measureLatency(stack, subject, options)]);
    }
  }
  return [...found].map(([name, results]) => ({ name, results }));
}

function debezium(stack: BenchStack, tuned: boolean): LatencySubject {
  const start = async () => {
    await stack.pool.query(`truncate ${PEER_TABLE}`);
    await recreateBaseSlot(stack.pool);
    return startDebezium(stack, { tuned });
  };
  const insertion = (value: Buffer) => ({
    name: 'peer-latency-insert',
    text: `insert into ${PEER_TABLE} (id, aggregatetype, aggregateid, type, payload) values ($1, $2, $3, 'noop', $4)`,
    values: [randomUUID(), PEER_AGGREGATE, anyKey().toString(), value.toString('latin1')],
  });
  return {
    topic: DEBEZIUM_TOPIC as Topic,
    start: throughOutbox(stack, start, insertion),
  };
}

/** The last column says how many times as long it takes as ours, at the median. */
export function latencyTable(latencies: readonly PeerLatency[]): readonly (readonly string[])[] {
  const middle = ({ results }: PeerLatency) => median(results.map(({ p50Ms }) => p50Ms));
  const ours = latencies[0] ? middle(latencies[0]) : Number.NaN;
  return [
    ['', 'p50, ms', 'p99, ms', 'it ÷ ours (p50)'],
    ...latencies.map((one) => [
      one.name,
      spread(
        one.results.map(({ p50Ms }) => p50Ms),
        2,
      ),
      spread(
        one.results.map(({ p99Ms }) => p99Ms),
        2,
      ),
      (middle(one) / ours).toFixed(1),
    ]),
  ];
}

/** @returns the paths written */
export async function saveLatencyCharts(latencies: readonly PeerLatency[], rate: number): Promise<string[]> {
  await mkdir(CHART_DIRECTORY, { recursive: true });
  const charts = [
    { file: 'p50', pick: ({ p50Ms }: Percentiles) => p50Ms },
    { file: 'p99', pick: ({ p99Ms }: Percentiles) => p99Ms },
  ];
  return Promise.all(
    charts.map(async ({ file, pick }) => {
      const path = join(CHART_DIRECTORY, `latency-${rate}-${file}.svg`);
      const title = `From insert to consumer, ${file} at ${rate.toLocaleString('en')} rows/s, ms (less is better)`;
      const bars = latencies.map(({ name, results }, index) => ({
        label: name,
        values: results.map(pick),
        isOurs: index === 0,
      }));
      await writeFile(path, barChart({ title, bars, format: (value) => value.toFixed(2) }));
      return path;
    }),
  );
}
