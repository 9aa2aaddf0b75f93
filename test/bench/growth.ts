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

/** Jobs a second of the time that the calls themselves took. */
interface Rates {
  readonly enqueue: number;
  readonly claim: number;
  readonly complete: number;
}

export interface GrowthOptions {
  /** Rows in `jobs` to begin with. */
  readonly sizes: readonly number[];
  readonly seconds: number;
  /** How long a transaction is held open while jobs go on. */
  readonly heldSeconds: number;
  readonly progress: (line: string) => void;
}

const BATCH = 200;

/** Enqueue, claim and completion beside ever more finished jobs, and beside a transaction that keeps what is dead from going. */
export async function benchGrowth(stack: BenchStack, options: GrowthOptions): Promise<string[][]> {
  const { sizes, seconds, heldSeconds, progress } = options;
  const pool = createPool({ dsn: stack.postgres.dsn, poolSize: 2 }, silentLogger);
  const deps = createEngineDeps(createPostgresRecordStore(pool), 'polling');
  const rows: string[][] = [['', 'enqueued, jobs/s', 'claimed, jobs/s', 'completed, jobs/s', 'of the first']];
  let first: Rates | undefined;
  const add = (name: string, rates: Rates) => {
    first ??= rates;
    const share = Math.min(rates.enqueue / first.enqueue, rates.claim / first.claim);
    const shown = [rates.enqueue, rates.claim, rates.complete].map((rate) =>
      Math.round(rate).toLocaleString('en'),
    );
    rows.push([name, ...shown, `${Math.round(share * 100)} %`]);
  };
  try {
    for (const size of sizes) {
      progress(`growth: filling up to ${size.toLocaleString('en')} rows`);
      await fillUpTo(stack.pool, size);
      await measure(deps, 1_000);
      add(`${size.toLocaleString('en')} rows in jobs`, await measure(deps, seconds * 1000));
    }
    progress(`growth: a transaction held open for ${heldSeconds} s`);
    const holder = new pg.Client({ connectionString: stack.postgres.dsn });
    await holder.connect();
    await holder.query('begin isolation level repeatable read');
    await holder.query('select count(*) from jobs where status = $1', ['queued']);
    await measure(deps, Math.max(0, heldSeconds - seconds) * 1000);
    add(`after a transaction was open for ${heldSeconds} s`, await measure(deps, seconds * 1000));
    await holder.end();
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

async function measure(deps: EngineDeps, ms: number): Promise<Rates> {
  const took = { enqueue: 0, claim: 0, complete: 0 };
  const timed = async <T>(what: keyof typeof took, work: Promise<T>): Promise<T> => {
    const began = performance.now();
    const value = await work;
    took[what] += performance.now() - began;
    return value;
  };
  let jobs = 0;
  for (const began = performance.now(); performance.now() - began < ms; jobs += BATCH)
    await round(deps, timed);
  const rate = (millis: number) => jobs / (millis / 1000);
  return { enqueue: rate(took.enqueue), claim: rate(took.claim), complete: rate(took.complete) };
}

async function round(
  deps: EngineDeps,
  timed: <T>(what: keyof Rates, work: Promise<T>) => Promise<T>,
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
