import { join } from 'node:path';
import autocannon from 'autocannon';
import { startChild } from '../../cli/dev/child.ts';
import { BENCH_TYPE, type BenchStack } from './environment.ts';
import { measureCpu } from './processes.ts';

export interface EnqueueResult {
  readonly jobsPerMinute: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly apiCpuUs: number;
  readonly errors: number;
}

const SECONDS = Number(process.env['WE_BENCH_SECONDS'] ?? 10);
const PAYLOAD = { to: 'ada@example.org', subject: 'Hello', text: 'x'.repeat(180) };
const JOB = { type: BENCH_TYPE, payload: PAYLOAD, max_retries: 2 };

/** One job a request, or batches of 1,000, against `millrace api` as a user starts it. */
export async function enqueueOverHttp(
  stack: BenchStack,
  load: { batch: 1 | 1000; connections: number },
): Promise<EnqueueResult> {
  const api = await startChild('api', {
    command: ['api'],
    env: { ...stack.env, WE_HTTP_PORT: '0', WE_POSTGRES_POOL_SIZE: '16' },
    log: join(stack.postgres.dataDir, '..', 'api.log'),
  });
  try {
    const url = `${api.addresses['apiUrl']}/api/v1/jobs${load.batch === 1 ? '' : '/batch'}`;
    const body = JSON.stringify(
      load.batch === 1 ? JOB : { jobs: Array.from({ length: load.batch }, () => JOB) },
    );
    const request = { url, method: 'POST' as const, headers: { 'content-type': 'application/json' }, body };
    await autocannon({ ...request, connections: load.connections, duration: 2 });
    const cpu = await measureCpu(api.pid);
    const result = await autocannon({ ...request, connections: load.connections, duration: SECONDS });
    const jobs = result['2xx'] * load.batch;
    return {
      jobsPerMinute: (jobs / result.duration) * 60,
      p50Ms: result.latency.p50,
      p99Ms: result.latency.p99,
      apiCpuUs: (await cpu()) / jobs,
      errors: result.errors + result.non2xx,
    };
  } finally {
    await api.stop();
  }
}
