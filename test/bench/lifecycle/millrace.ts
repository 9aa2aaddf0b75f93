import { join } from 'node:path';
import { startChild } from '../../../cli/dev/child.ts';
import { BENCH_TYPE, type BenchStack } from '../environment.ts';
import { cpuMicros, measureCpu } from '../processes.ts';
import type { Lifecycle, LifecycleCost } from './lifecycle.ts';

export interface WorkerShape {
  readonly mode: 'polling' | 'kafka_outbox';
  readonly concurrency: number;
  readonly prefetch: number;
  /** Whether the worker asks the API, or works on PostgreSQL itself as the peers do. */
  readonly through: 'api' | 'postgres';
}

const BATCH = 1000;
const DONE_POLL_MS = 20;

/** Jobs through the batch endpoint of `millrace api`, run by one `millrace worker`, as a user starts both. */
export async function runMillrace(stack: BenchStack, shape: WorkerShape, jobs: number): Promise<Lifecycle> {
  const logs = join(stack.postgres.dataDir, '..');
  const env = { ...stack.env, WE_DISPATCH_MODE: shape.mode };
  await stack.pool.query('truncate jobs, dispatch_outbox, audit_log');
  await using children = new AsyncDisposableStack();
  const start = async (name: string, command: readonly string[], more: Record<string, string>) => {
    const child = await startChild(name, {
      command,
      env: { ...env, ...more },
      log: join(logs, `${name}.log`),
    });
    children.defer(() => child.stop());
    return child;
  };
  const api = await start('api', ['api'], { WE_HTTP_PORT: '0', WE_POSTGRES_POOL_SIZE: '16' });
  const url = api.addresses['apiUrl'] ?? '';
  const began = performance.now();
  await enqueueAll(`${url}/api/v1/jobs/batch`, jobs);
  const enqueuePerSecond = jobs / ((performance.now() - began) / 1000);
  const started = [api];
  if (shape.mode === 'kafka_outbox') started.push(await start('relay', ['relay'], { WE_METRICS_PORT: '0' }));
  const cpu = await Promise.all(started.map(({ pid }) => measureCpu(pid)));
  const source = shape.mode === 'polling' ? 'polling' : 'kafka';
  const worker = await start('worker', ['worker', '--source', source], {
    ...(shape.through === 'api' ? { WE_API_URL: url } : {}),
    WE_WORKER_CONCURRENCY: String(shape.concurrency),
    WE_WORKER_PREFETCH: String(shape.prefetch),
    WE_LOG_LEVEL: 'warn',
  });
  await untilDone(stack);
  const names = [...started, worker].map(({ name }) => name);
  const used = await Promise.all([...cpu.map((measured) => measured()), cpuMicros(worker.pid)]);
  return {
    enqueuePerSecond,
    perSecond: await processedPerSecond(stack, jobs),
    cost: names.map((name, index): LifecycleCost => ({ name, cpuUs: (used[index] ?? 0) / jobs })),
  };
}

async function enqueueAll(url: string, jobs: number): Promise<void> {
  const job = { type: BENCH_TYPE, payload: { text: 'x'.repeat(200) }, max_retries: 2 };
  const body = JSON.stringify({ jobs: Array.from({ length: BATCH }, () => job) });
  let left = Math.ceil(jobs / BATCH);
  const connection = async () => {
    while (left > 0) {
      left -= 1;
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      if (response.status !== 201) throw new Error(`enqueue was answered ${response.status}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 4 }, connection));
}

async function untilDone({ pool }: BenchStack): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ open: boolean }>(
      "select exists (select from jobs where status = 'queued') or exists (select from jobs where status = 'running') as open",
    );
    if (!rows[0]?.open) return;
    await new Promise((resolve) => setTimeout(resolve, DONE_POLL_MS));
  }
}

/** From the first start of a handler to the last completion, by the database's clock. */
async function processedPerSecond({ pool }: BenchStack, jobs: number): Promise<number> {
  const { rows } = await pool.query<{ completed: string; seconds: number }>(
    `select count(*) filter (where status = 'completed') as completed,
       extract(epoch from max(completed_at) - min(started_at))::float8 as seconds from jobs`,
  );
  if (Number(rows[0]?.completed) !== jobs) throw new Error(`${rows[0]?.completed} of ${jobs} jobs completed`);
  return jobs / (rows[0]?.seconds ?? Number.NaN);
}
