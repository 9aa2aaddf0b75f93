import { join } from 'node:path';
import { startChild } from '../../../cli/dev/child.ts';
import { applyServiceTopics } from '../../../cli/dev/service-topics.ts';
import type { DispatchMode } from '../../../engine/deps.ts';
import type { StepId } from '../../../events/ids.ts';
import type { BenchStack } from '../environment.ts';
import { emptied, PIPELINE } from './submit.ts';

const BATCH = 1000;
const LOOK_EVERY_MS = 50;
const WITHIN_MS = 180_000;

/** A backlog of three-step workflows, run to their end by one API and one worker process. @returns steps a second */
export async function runWorkflows(
  stack: BenchStack,
  mode: DispatchMode,
  workflows: number,
): Promise<number> {
  const env = { ...stack.env, WE_DISPATCH_MODE: mode, WE_LOG_LEVEL: 'warn' };
  await using children = new AsyncDisposableStack();
  const start = async (name: string, command: readonly string[], more: Record<string, string>) => {
    const log = join(stack.postgres.dataDir, '..', `${name}.log`);
    const child = await startChild(name, { command, env: { ...env, ...more }, log });
    children.defer(() => child.stop());
    return child;
  };
  children.defer(() => emptied(stack));
  const api = await start('api', ['api'], { WE_HTTP_PORT: '0', WE_POSTGRES_POOL_SIZE: '16' });
  const url = api.addresses['apiUrl'] ?? '';
  const body = JSON.stringify({ workflows: Array.from({ length: BATCH }, () => PIPELINE) });
  for (let sent = 0; sent < workflows; sent += BATCH) {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const answer = await fetch(`${url}/api/v1/workflows/batch`, init);
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  }
  if (mode === 'kafka_outbox') {
    // The API has registered all types of the repository's service, and the relay insists on a topic for each.
    const { rows: types } = await stack.pool.query<{ type: StepId }>('select type from job_types');
    await applyServiceTopics(
      env,
      types.map(({ type }) => type),
    );
    await start('relay', ['relay'], { WE_METRICS_PORT: '0' });
  }
  await start('worker', ['worker', '--source', mode === 'polling' ? 'polling' : 'kafka'], {
    WE_API_URL: url,
    WE_WORKER_CONCURRENCY: '100',
    ...(mode === 'polling' ? { WE_WORKER_PREFETCH: '200' } : {}),
  });
  await untilEnded(stack);
  const { rows } = await stack.pool.query<{ steps: number; seconds: number }>(
    `select count(*)::integer as steps,
       extract(epoch from max(completed_at) - min(started_at))::double precision as seconds
     from jobs where status = 'completed'`,
  );
  const [{ steps = 0, seconds = Number.NaN } = {}] = rows;
  const wanted = Math.ceil(workflows / BATCH) * BATCH * PIPELINE.steps.length;
  if (steps !== wanted) throw new Error(`${steps} of ${wanted} steps completed`);
  return steps / seconds;
}

async function untilEnded({ pool }: BenchStack): Promise<void> {
  for (const end = performance.now() + WITHIN_MS; ; ) {
    const { rows } = await pool.query<{ open: number }>(
      "select count(*)::integer as open from workflow_instances where status = 'running'",
    );
    const open = rows[0]?.open ?? 0;
    if (open === 0) return;
    if (performance.now() > end)
      throw new Error(`${open} workflows had not ended after ${WITHIN_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
