import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { enqueueJobs } from '../../engine/commands/enqueue-jobs.ts';
import type { EngineDeps } from '../../engine/deps.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { ClaimToken, JobId } from '../../events/ids.ts';
import { BENCH_TYPE, type BenchStack } from './environment.ts';
import { measureCpu } from './processes.ts';

/** Jobs a second of the time that the calls themselves took. */
interface Rates {
  readonly enqueue: number;
  readonly claim: number;
  readonly complete: number;
  /** Processor time of PostgreSQL a job, all three together, in microseconds: what a busy machine changes least. */
  readonly cpuUs: number;
}

export interface GrowthOptions {
  /** Rows in `jobs` to begin with. */
  readonly sizes: readonly number[];
  readonly seconds: number;
  /** How long a transaction is held open while jobs go on … */
  readonly heldSeconds: number;
  /** … after so many have been queued, claimed and completed at one stroke: a minute holds more than a bench can wait for. */
  readonly heldJobs: number;
  readonly progress: (line: string) => void;
}

type Times = Record<Exclude<keyof Rates, 'cpuUs'>, number>;

const BATCH = 200;

/** Enqueue, claim and completion beside ever more finished jobs, and beside a transaction that keeps what is dead from going. */
export async function benchGrowth(stack: BenchStack, options: GrowthOptions): Promise<string[][]> {
  const { sizes, seconds, heldSeconds, heldJobs, progress } = options;
  const pool = createPool({ dsn: stack.postgres.dsn, poolSize: 1 }, silentLogger);
  const deps = createEngineDeps(createPostgresRecordStore(pool), 'polling');
  const rows: string[][] = [
    ['', 'enqueued, jobs/s', 'claimed, jobs/s', 'completed, jobs/s', 'PostgreSQL, µs a job', 'of the first'],
  ];
  let first: Rates | undefined;
  const add = (name: string, rates: Rates) => {
    first ??= rates;
    const share = Math.min(rates.enqueue / first.enqueue, rates.claim / first.claim);
    const shown = [rates.enqueue, rates.claim, rates.complete].map((rate) =>
      Math.round(rate).toLocaleString('en'),
    );
    rows.push([name, ...shown, rates.cpuUs.toFixed(0), `${Math.round(share * 100)} %`]);
  };
  try {
    for (const size of sizes) {
      progress(`growth: filling up to ${size.toLocaleString('en')} rows`);
      await fillUpTo(stack.pool, size);
      await measure(deps, pool, 1_000);
      add(`${size.toLocaleString('en')} rows in jobs`, await measure(deps, pool, seconds * 1000));
    }
    progress(
      `growth: a transaction held open, for ${heldJobs.toLocaleString('en')} jobs and ${heldSeconds} s`,
    );
    const holder = new pg.Client({ connectionString: stack.postgres.dsn });
    await holder.connect();
    try {
      await holder.query('begin isolation level repeatable read');
      await holder.query('select count(*) from jobs where status = $1', ['queued']);
      await leaveDead(stack.pool, heldJobs);
      await measure(deps, pool, Math.max(0, heldSeconds - seconds) * 1000);
      const name = `while a transaction is open, after ${heldJobs.toLocaleString('en')} jobs and ${heldSeconds} s of it`;
      add(name, await measure(deps, pool, seconds * 1000));
    } finally {
      await holder.end();
    }
    return rows;
  } finally {
    await pool.end();
  }
}

async function fillUpTo(pool: pg.Pool, size: number): Promise<void> {
  await pool.query(
    `
    insert into jobs (id, type, status, payload, max_retries, attempt, token, queued_at, started_at, completed_at)
    select millrace.uuid_v7(clock_timestamp() - interval '1 hour'), $1, 'completed', json_build_object('text', repeat('x', 200)),
      2, 1, gen_random_uuid(), now(), now(), now()
    from generate_series(1, $2::bigint - (select count(*) from jobs))
    `,
    [BENCH_TYPE, size],
  );
  await pool.query('vacuum analyze jobs');
}

const STROKE = 20_000;

/** Jobs as they are after their whole life, with all that their changes leave behind in table and indexes. */
async function leaveDead(pool: pg.Pool, jobs: number): Promise<void> {
  for (let left = jobs; left > 0; left -= STROKE) {
    const { rows } = await pool.query<{ id: string }>(
      `
      insert into jobs (id, type, status, payload, max_retries, queued_at)
      select millrace.uuid_v7(clock_timestamp()), $1, 'queued', json_build_object('text', repeat('x', 200)), 2, now()
      from generate_series(1, $2::integer)
      returning id
      `,
      [BENCH_TYPE, Math.min(STROKE, left)],
    );
    const ids = rows.map(({ id }) => id);
    await pool.query(
      `
      update jobs
      set status = 'running', attempt = 1, token = gen_random_uuid(), lease_until = now() + interval '2 minutes'
      where id = any ($1::uuid[])
      `,
      [ids],
    );
    await pool.query(
      "update jobs set status = 'completed', lease_until = null, completed_at = now() where id = any ($1::uuid[])",
      [ids],
    );
  }
}

async function measure(deps: EngineDeps, pool: pg.Pool, ms: number): Promise<Rates> {
  const took: Times = { enqueue: 0, claim: 0, complete: 0 };
  const timed = async <T>(what: keyof Times, work: Promise<T>): Promise<T> => {
    const began = performance.now();
    const value = await work;
    took[what] += performance.now() - began;
    return value;
  };
  let jobs = 0;
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  const cpu = await measureCpu(rows[0]?.pid ?? 0);
  for (const began = performance.now(); performance.now() - began < ms; jobs += BATCH)
    await round(deps, timed);
  const rate = (millis: number) => jobs / (millis / 1000);
  return {
    enqueue: rate(took.enqueue),
    claim: rate(took.claim),
    complete: rate(took.complete),
    cpuUs: (await cpu()) / jobs,
  };
}

async function round(
  deps: EngineDeps,
  timed: <T>(what: keyof Times, work: Promise<T>) => Promise<T>,
): Promise<void> {
  const request = { type: BENCH_TYPE, payload: JSON.stringify({ text: 'x'.repeat(200) }), maxRetries: 2 };
  await timed(
    'enqueue',
    enqueueJobs(
      deps,
      Array.from({ length: BATCH }, () => request),
    ),
  );
  const claim = {
    types: [BENCH_TYPE],
    limit: BATCH,
    payloadBytes: 1e9,
    workerId: 'growth',
    leaseMs: 120_000,
  };
  const taken = await timed('claim', deps.store.poll({ ...claim, claimId: randomUUID() }));
  const results = taken.map(({ id, token }) => ({
    id: id as JobId,
    token: token as ClaimToken,
    result: 'null',
  }));
  const outcomes = await timed('complete', deps.store.complete(results));
  if (outcomes.length !== BATCH || outcomes.some(({ kind }) => kind !== 'completed')) {
    throw new Error(`of ${BATCH} jobs ${outcomes.length} were taken, or did not complete`);
  }
}
