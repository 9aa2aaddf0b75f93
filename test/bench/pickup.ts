import { Logger, type Runner, run as runGraphile, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { enqueueJob } from '../../engine/commands/enqueue-jobs.ts';
import type { DispatchMode } from '../../engine/deps.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { closeApp, compose, endWaits } from '../../functions/compose.ts';
import { createInProcessApi } from '../../functions/worker/in-process-api.ts';
import { defineJob, KafkaRunner, PollingRunner } from '../../sdk/index.ts';
import { BENCH_TYPE, type BenchStack } from './environment.ts';
import { startRelay } from './relay-drain.ts';
import { type Percentiles, percentilesOf, spread } from './statistics.ts';
import { pace, type SteadyLoad } from './steady-load.ts';

/** An engine with its worker in this process: one clock tells both ends, and whatever that costs is the same for all. */
interface Contestant extends AsyncDisposable {
  /** Resolves when the job is committed. */
  enqueue(index: number): Promise<unknown>;
}

type Open = (stack: BenchStack, onStart: (index: number) => void) => Promise<Contestant>;

const CONTESTANTS: Readonly<Record<string, Open>> = {
  'Millrace polling': (stack, onStart) => openMillrace(stack, 'polling', onStart),
  'Millrace Kafka': (stack, onStart) => openMillrace(stack, 'kafka_outbox', onStart),
  'graphile-worker 0.17.3': openGraphile,
};

export const PICKUP_RATES = [100, 500, 2_000];
const WARM_UP = { rate: 500, ms: 10_000 };
const LAST_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 10;

export interface PickupOptions {
  readonly rounds: number;
  /** At each rate, in each round. */
  readonly seconds: number;
  readonly progress: (line: string) => void;
}

/** From the commit of a job to the start of its handler, at steady rates. Gives each engine's row of the table as soon as it is there. */
export async function* benchPickup(
  stack: BenchStack,
  { rounds, seconds, progress }: PickupOptions,
): AsyncGenerator<string[]> {
  for (const [name, open] of Object.entries(CONTESTANTS)) {
    const started: number[] = [];
    const committed: number[] = [];
    await using contestant = await open(stack, (index) => {
      started[index] = performance.now();
    });
    await paced(contestant, { committed, started }, WARM_UP);
    const cells = [name];
    for (const rate of PICKUP_RATES) {
      const results: Percentiles[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        progress(`pickup at ${rate} jobs/s, ${name}, round ${round} of ${rounds}`);
        const from = committed.length;
        const allStarted = await paced(contestant, { committed, started }, { rate, ms: seconds * 1000 });
        if (allStarted) results.push(pickupOf(committed.slice(from), started.slice(from)));
      }
      cells.push(cellOf(results, rounds));
    }
    yield cells;
  }
}

function cellOf(results: readonly Percentiles[], rounds: number): string {
  if (results.length < rounds) return `more than ${LAST_WITHIN_MS / 1000} s behind`;
  const p50 = results.map(({ p50Ms }) => p50Ms);
  const p99 = results.map(({ p99Ms }) => p99Ms);
  return `${spread(p50, 1)} / ${spread(p99, 1)}`;
}

function pickupOf(committed: readonly number[], started: readonly number[]): Percentiles {
  // A handler may start before this process has heard of the commit.
  const waited = started.map((at, index) => Math.max(0, at - (committed[index] ?? at)));
  return percentilesOf(waited);
}

interface Times {
  readonly committed: number[];
  readonly started: number[];
}

/** @returns whether all that was enqueued also started, soon after the last */
async function paced(
  contestant: Contestant,
  { committed, started }: Times,
  load: SteadyLoad,
): Promise<boolean> {
  const before = committed.length;
  const sent = await pace(load, async (nth) => {
    await contestant.enqueue(before + nth);
    committed[before + nth] = performance.now();
  });
  const all = before + sent;
  const isDone = () => Object.keys(started).length >= all;
  for (const end = performance.now() + LAST_WITHIN_MS; !isDone() && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return isDone();
}

async function openMillrace(
  stack: BenchStack,
  mode: DispatchMode,
  onStart: (index: number) => void,
): Promise<Contestant> {
  await using opened = new AsyncDisposableStack();
  await stack.pool.query('truncate jobs, dispatch_outbox, audit_log');
  Object.assign(process.env, stack.env, { WE_DISPATCH_MODE: mode, WE_LOG_LEVEL: 'error' });
  opened.defer(() => closeApp());
  opened.defer(() => endWaits());
  if (mode === 'kafka_outbox') {
    const relay = await startRelay(stack);
    opened.defer(() => relay.stop());
  }
  const app = compose();
  const api = createInProcessApi(app, { workerId: 'pickup', leaseSeconds: 120 });
  const noop = defineJob<{ index: number }>(({ job }) => onStart(job.payload.index));
  const options = { handlers: { [BENCH_TYPE]: noop }, api, workerId: 'pickup' };
  const runner =
    mode === 'polling'
      ? new PollingRunner({ ...options, pollApi: api, concurrency: 24, prefetch: 100 })
      : new KafkaRunner({
          ...options,
          concurrency: 24,
          streamer: createKafkaStreamer(readKafkaConfig(process.env), silentLogger),
        });
  await runner.start();
  opened.defer(() => runner.stop());
  const held = opened.move();
  return {
    enqueue: (index) =>
      enqueueJob(app.deps, { type: BENCH_TYPE, payload: JSON.stringify({ index }), maxRetries: 2 }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function openGraphile({ postgres }: BenchStack, onStart: (index: number) => void): Promise<Contestant> {
  await runMigrations({ connectionString: postgres.dsn });
  // Its own would end this process when the server stops before its connections have closed.
  const pool = new pg.Pool({ connectionString: postgres.dsn, max: 30 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const runner: Runner = await runGraphile({
    pgPool: pool,
    // It writes a line a job, which nobody else does.
    logger: new Logger(() => () => undefined),
    preset: { worker: { concurrentJobs: 24, maxPoolSize: 30 } },
    taskList: { noop: async (payload) => onStart((payload as { index: number }).index) },
  });
  return {
    enqueue: (index) => runner.addJob('noop', { index }),
    [Symbol.asyncDispose]: async () => {
      await runner.stop();
      await pool.end();
    },
  };
}
