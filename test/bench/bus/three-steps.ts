import { startWorkflow, startWorkflows } from '../../../engine/commands/start-workflow.ts';
import { closeApp, compose, endWaits } from '../../../functions/compose.ts';
import { createInProcessApi } from '../../../functions/worker/in-process-api.ts';
import { defineJob, PollingRunner } from '../../../sdk/index.ts';
import { BENCH_TYPE, type BenchStack } from '../environment.ts';
import { pace } from '../steady-load.ts';
import { emptied } from '../workflows/submit.ts';

const STEP = { type: BENCH_TYPE, payload: '{}', max_retries: 2 };
const RUN = {
  name: 'three-steps',
  steps: [
    { name: 'one', ...STEP },
    { name: 'two', ...STEP },
    { name: 'three', ...STEP },
  ],
} as const;
const RATE = 50;
const CHUNK = 500;
const WITHIN_MS = 60_000;

export interface ThreeSteps {
  /** All at once. */
  readonly perSecond: number;
  /** Of a run from its commit to its end, at 50 a second. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Runs of three no-op steps, all in PostgreSQL and polled for, with the worker in this process. */
export async function measureThreeSteps(
  stack: BenchStack,
  { runs, seconds }: { readonly runs: number; readonly seconds: number },
): Promise<ThreeSteps> {
  await using opened = new AsyncDisposableStack();
  await emptied(stack);
  opened.defer(() => emptied(stack));
  Object.assign(process.env, stack.env, { WE_DISPATCH_MODE: 'polling', WE_LOG_LEVEL: 'error' });
  opened.defer(() => closeApp());
  opened.defer(() => endWaits());
  const app = compose();
  const api = createInProcessApi(app, { workerId: 'three-steps', leaseSeconds: 120 });
  const handlers = { [BENCH_TYPE]: defineJob(() => null) };
  const options = { handlers, api, pollApi: api, workerId: 'three-steps', concurrency: 100, prefetch: 200 };
  const runner = new PollingRunner(options);
  await runner.start();
  opened.defer(() => runner.stop());

  const started = await pace({ rate: RATE, ms: seconds * 1000 }, () => startWorkflow(app.deps, RUN));
  const paced = await ended(stack, started);
  await stack.pool.query('truncate workflow_instances, jobs, audit_log cascade');
  for (let count = 0; count < runs; count += CHUNK) {
    await startWorkflows(
      app.deps,
      Array.from({ length: Math.min(CHUNK, runs - count) }, () => RUN),
    );
  }
  const burst = await ended(stack, runs);
  return { perSecond: runs / burst.seconds, p50Ms: paced.p50Ms, p99Ms: paced.p99Ms };
}

interface Ended {
  readonly count: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function ended(stack: BenchStack, wanted: number): Promise<Ended> {
  for (const end = performance.now() + WITHIN_MS; ; ) {
    const found = await look(stack);
    if (found.count >= wanted) return found;
    if (performance.now() > end) throw new Error(`${found.count} of ${wanted} runs ended`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function look({ pool }: BenchStack): Promise<Ended> {
  const { rows } = await pool.query<{ count: number; seconds: number; p50: number; p99: number }>(
    `select
       count(*)::integer as count,
       extract(epoch from max(completed_at) - min(created_at))::double precision as seconds,
       percentile_cont(0.5) within group (order by took)::double precision as p50,
       percentile_cont(0.99) within group (order by took)::double precision as p99
     from (
       select created_at, completed_at, extract(epoch from completed_at - created_at) * 1000 as took
       from workflow_instances
       where status = 'completed'
     ) as run`,
  );
  const { count = 0, seconds = 0, p50 = 0, p99 = 0 } = rows[0] ?? {};
  return { count, seconds, p50Ms: p50, p99Ms: p99 };
}
