import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { type OutboxForm, outboxForms } from '../../adapters/postgres/sql/outbox-form.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { enqueueJobs } from '../../engine/commands/enqueue-jobs.ts';
import type { EngineDeps } from '../../engine/deps.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { BENCH_TYPE, type BenchStack } from './environment.ts';
import { measureCpu } from './processes.ts';
import { startRelay } from './relay-drain.ts';
import { spread } from './statistics.ts';

export interface HybridOptions {
  readonly rounds: number;
  readonly jobs: number;
  readonly progress: (line: string) => void;
}

interface Shape {
  readonly name: string;
  readonly batch: number;
  /** Calls under way at a time. */
  readonly callers: number;
  /** Of `jobs`, so many are enqueued: a commit each takes longer. */
  readonly share: number;
}

const SHAPES: readonly Shape[] = [
  { name: 'one job a transaction, 16 callers', batch: 1, callers: 16, share: 0.2 },
  { name: '100 jobs a transaction, 4 callers', batch: 100, callers: 4, share: 1 },
];

interface Measured {
  readonly acceptedPerSecond: number;
  /** Until the relay has confirmed the last of them. */
  readonly publishedPerSecond: number;
  readonly walBytes: number;
  readonly relayCpuUs: number;
  /** Of the outbox with its index and TOAST, once all is published and cleared, in MiB. */
  readonly outboxMib: number;
}

const PAYLOAD = JSON.stringify({ text: 'x'.repeat(250) });
const DRAIN_MS = 300_000;

/** The same jobs through an outbox of rows and through one of messages, the relay publishing live, in turn each round. */
export async function benchHybrid(stack: BenchStack, options: HybridOptions): Promise<string[][]> {
  const { rounds, progress } = options;
  const rows = [
    [
      '',
      'accepted, jobs/s',
      'published, jobs/s',
      'WAL, bytes a job',
      'relay CPU, µs a job',
      'outbox afterwards, MiB',
    ],
  ];
  const pool = createPool(readPostgresConfig(stack.env, { poolSize: 16 }), silentLogger);
  const engine = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
  try {
    for (const shape of SHAPES) {
      const results = new Map<OutboxForm, Measured[]>(outboxForms.map((form) => [form, []]));
      for (let round = 1; round <= rounds; round += 1) {
        for (const form of outboxForms) {
          progress(`hybrid, ${shape.name}, ${form}, round ${round} of ${rounds}`);
          const jobs = Math.ceil(options.jobs * shape.share);
          results.get(form)?.push(await measure(stack, engine, { form, shape, jobs }));
        }
      }
      for (const [form, measured] of results) rows.push(rowOf(`${shape.name}: ${form}`, measured));
    }
    return rows;
  } finally {
    await pool.end();
    await (await startRelay(stack, { outbox: 'table' })).stop();
  }
}

function rowOf(name: string, measured: readonly Measured[]): string[] {
  const of = (pick: (one: Measured) => number, digits = 0) => spread(measured.map(pick), digits);
  return [
    name,
    of((one) => one.acceptedPerSecond),
    of((one) => one.publishedPerSecond),
    of((one) => one.walBytes),
    of((one) => one.relayCpuUs, 1),
    of((one) => one.outboxMib, 1),
  ];
}

async function measure(
  stack: BenchStack,
  engine: EngineDeps,
  { form, shape, jobs }: { form: OutboxForm; shape: Shape; jobs: number },
): Promise<Measured> {
  const { pool } = stack;
  await pool.query('truncate jobs, dispatch_outbox, audit_log');
  await pool.query('delete from job_types where type <> $1', [BENCH_TYPE]);
  const relay = await startRelay(stack, { outbox: form });
  try {
    await enqueue(engine, shape, shape.batch * shape.callers);
    await confirmed(stack);
    await checkpoint(stack);
    const cpu = await measureCpu(relay.pid);
    const from = await position(stack);
    const began = performance.now();
    await enqueue(engine, shape, jobs);
    const acceptedMs = performance.now() - began;
    await confirmed(stack);
    const publishedMs = performance.now() - began;
    await cleared(stack);
    const { rows } = await pool.query<{ wal: number; outbox: number }>(
      `
      select
        pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::pg_lsn)::double precision as wal,
        pg_total_relation_size('dispatch_outbox')::double precision as outbox
      `,
      [from],
    );
    return {
      acceptedPerSecond: jobs / (acceptedMs / 1000),
      publishedPerSecond: jobs / (publishedMs / 1000),
      walBytes: (rows[0]?.wal ?? Number.NaN) / jobs,
      relayCpuUs: (await cpu()) / jobs,
      outboxMib: (rows[0]?.outbox ?? Number.NaN) / 2 ** 20,
    };
  } finally {
    await relay.stop();
  }
}

async function enqueue(engine: EngineDeps, { batch, callers }: Shape, jobs: number): Promise<void> {
  let left = Math.ceil(jobs / batch);
  const request = { type: BENCH_TYPE, payload: PAYLOAD, maxRetries: 2 };
  const call = async (): Promise<void> => {
    for (; left > 0; ) {
      left -= 1;
      await enqueueJobs(
        engine,
        Array.from({ length: batch }, () => request),
      );
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
}

/** So that every measurement writes its full pages anew. */
async function checkpoint({ postgres }: BenchStack): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.adminDsn });
  await client.connect();
  await client.query('checkpoint').finally(() => client.end());
}

async function position({ pool }: BenchStack): Promise<string> {
  const { rows } = await pool.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  return rows[0]?.lsn ?? '0/0';
}

/** Until the relay has confirmed all that was written before. */
async function confirmed(stack: BenchStack): Promise<void> {
  const until = await position(stack);
  await poll(
    stack,
    "select exists (select from pg_replication_slots where slot_name = 'millrace_relay' and confirmed_flush_lsn >= $1::pg_lsn) as done",
    [until],
  );
}

async function cleared(stack: BenchStack): Promise<void> {
  await poll(stack, 'select not exists (select from dispatch_outbox) as done', []);
}

async function poll({ pool }: BenchStack, query: string, values: readonly string[]): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  for (;;) {
    const { rows } = await pool.query<{ done: boolean }>(query, [...values]);
    if (rows[0]?.done) return;
    if (performance.now() > deadline)
      throw new Error('the relay did not publish everything within five minutes');
    await delay(5);
  }
}
