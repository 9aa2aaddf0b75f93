import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { newJob } from '../../engine/new-job.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { ClaimToken } from '../../events/ids.ts';
import { BENCH_TYPE } from './environment.ts';

/** Microseconds of processor time a job. */
export interface BackendCpu {
  readonly statement: string;
  /** In the one backend that PostgreSQL runs the statement in. */
  readonly backendUs: number;
  /** In this process: encoding, parsing. */
  readonly nodeUs: number;
}

const BATCH = 1000;
/** Of the kernel's accounting in /proc: a hundredth of a second. */
const TICK_US = 10_000;

/**
 * What the statements of the hot path cost, one connection at a time: counted work, which a loaded machine changes little,
 * where a rate would be anything.
 */
export async function measureBackendCpu(dsn: string, batches: number): Promise<BackendCpu[]> {
  const pool = createPool({ dsn, poolSize: 1 }, silentLogger);
  const admin = new pg.Client({ connectionString: dsn });
  await admin.connect();
  try {
    await admin.query('truncate jobs, dispatch_outbox, audit_log cascade');
    const store = createPostgresRecordStore(pool);
    const deps = createEngineDeps(store, 'polling');
    await store.registerTypes([BENCH_TYPE]);
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = rows[0]?.pid ?? 0;
    const measured = async (statement: string, work: () => Promise<unknown>): Promise<BackendCpu> => {
      const [backend, node] = [await backendMicros(pid), process.cpuUsage()];
      for (let batch = 0; batch < batches; batch += 1) await work();
      const own = process.cpuUsage(node);
      const jobs = batches * BATCH;
      const backendUs = ((await backendMicros(pid)) - backend) / jobs;
      return { statement, backendUs, nodeUs: (own.user + own.system) / jobs };
    };
    const payload = JSON.stringify({ text: 'x'.repeat(200) });
    const enqueue = () =>
      store.enqueue(
        Array.from({ length: BATCH }, () => newJob(deps, { type: BENCH_TYPE, payload, maxRetries: 2 })),
      );
    const held: { id: never; token: ClaimToken }[][] = [];
    const poll = async () => {
      const request = {
        types: [BENCH_TYPE],
        limit: BATCH,
        payloadBytes: 1e9,
        workerId: 'w',
        leaseMs: 120_000,
      };
      const jobs = await store.poll({ ...request, claimId: randomUUID() });
      held.push(jobs.map(({ id, token }) => ({ id: id as never, token: token as ClaimToken })));
    };
    const complete = async () => {
      const jobs = held.shift() ?? [];
      const outcomes = await store.complete(jobs.map((job) => ({ ...job, result: 'null' })));
      if (!outcomes.every(({ kind }) => kind === 'completed')) throw new Error('a job did not complete');
    };
    // As after a while of running: plans and caches are warm.
    await enqueue();
    await poll();
    await complete();
    return [
      await measured('enqueue', enqueue),
      await measured('poll', poll),
      await measured('complete', complete),
    ];
  } finally {
    await pool.end();
    await admin.end();
  }
}

async function backendMicros(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the name, which may have anything in it: state is field 3, utime and stime are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
