import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { makeWorkerUtils, runMigrations } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import type { BenchStack } from '../environment.ts';
import { cpuMicros } from '../processes.ts';
import type { Lifecycle } from './lifecycle.ts';

export type PeerEngine = 'graphile-worker' | 'pg-boss';

const BATCH = 1000;
const PAYLOAD = { text: 'x'.repeat(200) };

/** A backlog through the peer's own bulk call, run by one worker process of it. */
export async function runPeer(
  stack: BenchStack,
  { engine, tuned }: { engine: PeerEngine; tuned: boolean },
  jobs: number,
): Promise<Lifecycle> {
  const began = performance.now();
  await (engine === 'graphile-worker' ? fillGraphile(stack, jobs) : fillPgBoss(stack, jobs));
  const enqueuePerSecond = jobs / ((performance.now() - began) / 1000);
  const settings = JSON.stringify({ engine, dsn: stack.postgres.dsn, tuned });
  const child = spawn(process.execPath, [join(import.meta.dirname, 'peer-process.ts'), settings], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    await Promise.race([once(child, 'message'), diedEarly(child)]);
    const first = performance.now();
    await untilEmpty(stack, OPEN_JOBS[engine]);
    const seconds = (performance.now() - first) / 1000;
    const cpuUs = (await cpuMicros(child.pid ?? 0)) / jobs;
    return { enqueuePerSecond, perSecond: jobs / seconds, cost: [{ name: 'worker', cpuUs }] };
  } finally {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

const OPEN_JOBS: Readonly<Record<PeerEngine, string>> = {
  'graphile-worker': 'select exists (select from graphile_worker._private_jobs) as open',
  'pg-boss': "select exists (select from pgboss.job where name = 'noop' and state < 'completed') as open",
};

async function fillGraphile({ postgres }: BenchStack, jobs: number): Promise<void> {
  await runMigrations({ connectionString: postgres.dsn });
  const utils = await makeWorkerUtils({ connectionString: postgres.dsn });
  const specs = Array.from({ length: BATCH }, () => ({ identifier: 'noop', payload: PAYLOAD }));
  for (let done = 0; done < jobs; done += BATCH) await utils.addJobs(specs.slice(0, jobs - done));
  await utils.release();
}

async function fillPgBoss({ postgres, pool }: BenchStack, jobs: number): Promise<void> {
  const boss = new PgBoss({ connectionString: postgres.dsn, supervise: false, schedule: false });
  await boss.start();
  await boss.createQueue('noop');
  await boss.deleteAllJobs('noop');
  const specs = Array.from({ length: BATCH }, () => ({ data: PAYLOAD }));
  for (let done = 0; done < jobs; done += BATCH) await boss.insert('noop', specs.slice(0, jobs - done));
  await boss.stop({ graceful: false });
  await pool.query('analyze');
}

async function diedEarly(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`the peer's worker ended with code ${code} before it ran a job`);
}

async function untilEmpty({ pool }: BenchStack, query: string): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ open: boolean }>(query);
    if (!rows[0]?.open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
