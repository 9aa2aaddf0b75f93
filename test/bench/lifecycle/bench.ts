import { applyServiceTopics } from '../../../cli/dev/service-topics.ts';
import { loadServiceConfig, stepIds } from '../../../cli/service-config.ts';
import type { BenchStack } from '../environment.ts';
import { spread } from '../statistics.ts';
import type { Lifecycle } from './lifecycle.ts';
import { runMillrace, type WorkerShape } from './millrace.ts';
import { runPeer } from './peers.ts';

interface Contestant {
  readonly name: string;
  /** Slow ones get fewer: more would only take longer. */
  readonly share: number;
  readonly run: (stack: BenchStack, jobs: number) => Promise<Lifecycle>;
}

const millrace = (shape: WorkerShape) => (stack: BenchStack, jobs: number) => runMillrace(stack, shape, jobs);

const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'Millrace polling, defaults (10 at a time)',
    share: 0.4,
    run: millrace({ mode: 'polling', concurrency: 10, prefetch: 0, through: 'postgres' }),
  },
  {
    name: 'Millrace polling, tuned (24 at a time, 2,000 ahead)',
    share: 1,
    run: millrace({ mode: 'polling', concurrency: 24, prefetch: 2000, through: 'postgres' }),
  },
  {
    name: 'Millrace polling, tuned, through the HTTP API',
    share: 1,
    run: millrace({ mode: 'polling', concurrency: 24, prefetch: 2000, through: 'api' }),
  },
  {
    name: 'Millrace Kafka, the whole path (24 keys at a time)',
    share: 1,
    run: millrace({ mode: 'kafka_outbox', concurrency: 24, prefetch: 0, through: 'postgres' }),
  },
  {
    name: 'graphile-worker 0.17.3, defaults (10 at a time)',
    share: 0.4,
    run: (stack, jobs) => runPeer(stack, { engine: 'graphile-worker', tuned: false }, jobs),
  },
  {
    name: 'graphile-worker 0.17.3, tuned (24 at a time, local queue 500)',
    share: 1,
    run: (stack, jobs) => runPeer(stack, { engine: 'graphile-worker', tuned: true }, jobs),
  },
  {
    // One job every two seconds.
    name: 'pg-boss 12.30.0, defaults',
    share: 0.0001,
    run: (stack, jobs) => runPeer(stack, { engine: 'pg-boss', tuned: false }, jobs),
  },
  {
    name: 'pg-boss 12.30.0, tuned (4 × batches of 1,000)',
    share: 1,
    run: (stack, jobs) => runPeer(stack, { engine: 'pg-boss', tuned: true }, jobs),
  },
];

/** Every engine runs a backlog of no-op jobs with one worker process; in turn, each round. @returns the table of BENCHMARKS.md */
export async function benchLifecycle(
  stack: BenchStack,
  { rounds, jobs, progress }: { rounds: number; jobs: number; progress: (line: string) => void },
): Promise<readonly (readonly string[])[]> {
  // The worker is that of the repository's own service, and joins the topics of all its jobs.
  await applyServiceTopics(stack.env, stepIds(await loadServiceConfig()));
  const results = new Map<string, Lifecycle[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, share, run } of CONTESTANTS) {
      const count = countOf(jobs, share);
      progress(`lifecycle, round ${round} of ${rounds}: ${name}, ${count.toLocaleString('en')} jobs`);
      results.set(name, [...(results.get(name) ?? []), await run(stack, count)]);
    }
  }
  return [
    ['', 'enqueued in batches, jobs/s', 'claimed, run and completed, jobs/s', 'CPU, µs a job'],
    ...[...results].map(([name, lives]) => [
      name,
      spread(lives.map(({ enqueuePerSecond }) => enqueuePerSecond)),
      spread(lives.map(({ perSecond }) => perSecond)),
      (lives[0]?.cost ?? [])
        .map(
          ({ name: part }, index) =>
            `${part} ${spread(
              lives.map(({ cost }) => cost[index]?.cpuUs ?? 0),
              1,
            )}`,
        )
        .join(', '),
    ]),
  ];
}

/** In whole thousands, as bulk calls go, but for an engine that would take hours. */
function countOf(jobs: number, share: number): number {
  const wanted = jobs * share;
  return wanted < 100 ? Math.max(10, Math.round(wanted)) : Math.ceil(wanted / 1000) * 1000;
}
