import { join } from 'node:path';
import autocannon from 'autocannon';
import { startChild } from '../../../cli/dev/child.ts';
import { BENCH_TYPE, type BenchStack } from '../environment.ts';
import { measureCpu } from '../processes.ts';

export interface SubmitResult {
  readonly perMinute: number;
  readonly p99Ms: number;
  readonly apiCpuUs: number;
  readonly errors: number;
}

const STEP = { type: BENCH_TYPE, payload: { text: 'x'.repeat(50) }, max_retries: 2 };

/** Three steps, one after the other. */
export const PIPELINE = {
  name: 'pipeline',
  steps: ['extract', 'process', 'notify'].map((name) => ({ name, ...STEP })),
};

export interface SubmitLoad {
  readonly batch: 1 | 1000;
  readonly connections: number;
  readonly seconds: number;
}

/** Three-step workflows, one a request or a thousand, against `millrace api` as a user starts it. */
export async function submitWorkflows(stack: BenchStack, load: SubmitLoad): Promise<SubmitResult> {
  const { batch, connections, seconds } = load;
  const api = await startChild('api', {
    command: ['api'],
    env: { ...stack.env, WE_HTTP_PORT: '0', WE_POSTGRES_POOL_SIZE: '16' },
    log: join(stack.postgres.dataDir, '..', 'api.log'),
  });
  try {
    const url = `${api.addresses['apiUrl']}/api/v1/workflows${batch === 1 ? '' : '/batch'}`;
    const body = JSON.stringify(
      batch === 1 ? PIPELINE : { workflows: Array.from({ length: batch }, () => PIPELINE) },
    );
    const request = { url, method: 'POST' as const, headers: { 'content-type': 'application/json' }, body };
    await autocannon({ ...request, connections, duration: 2 });
    const cpu = await measureCpu(api.pid);
    const result = await autocannon({ ...request, connections, duration: seconds });
    const workflows = result['2xx'] * batch;
    return {
      perMinute: (workflows / result.duration) * 60,
      p99Ms: result.latency.p99,
      apiCpuUs: (await cpu()) / workflows,
      errors: result.errors + result.non2xx,
    };
  } finally {
    await api.stop();
    await emptied(stack);
  }
}

export async function emptied({ pool }: BenchStack): Promise<void> {
  await pool.query(
    'truncate workflow_instances, workflow_definitions, jobs, dispatch_outbox, audit_log cascade',
  );
}
