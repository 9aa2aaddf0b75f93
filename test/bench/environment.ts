import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { type KafkaServer, startKafka } from '../../cli/dev/backends/kafka.ts';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { applyServiceTopics } from '../../cli/dev/service-topics.ts';
import type { StepId } from '../../events/ids.ts';

export const run = promisify(execFile);

/** Durable settings: everything that makes a commit safe is on; the memory is that of a small production server. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  max_connections: '200',
};

export const BENCH_TYPE = 'noop' as StepId;

export interface BenchStack extends AsyncDisposable {
  readonly postgres: PostgresServer;
  readonly kafka: KafkaServer;
  readonly pool: pg.Pool;
  /** What every Millrace process is started with. */
  readonly env: Readonly<Record<string, string>>;
}

/** PostgreSQL and Kafka as in production (full JIT, durable), in a directory that is removed at the end. */
export async function startBenchStack(): Promise<BenchStack> {
  const directory = await mkdtemp(join(import.meta.dirname, '..', '..', '.millrace', 'bench-'));
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), settings: SETTINGS });
  const kafka = await startKafka({ dir: join(directory, 'kafka'), heap: '1g', fullJit: true });
  const pool = new pg.Pool({ connectionString: postgres.dsn, max: 4 });
  // A connection that is being closed while the server stops says so; nobody else would listen.
  pool.on('error', (error) => console.error(`bench connection lost: ${error.message}`));
  const env = {
    WE_POSTGRES_DSN: postgres.dsn,
    WE_DISPATCH_MODE: 'kafka_outbox',
    WE_KAFKA_TRANSPORT: 'plaintext',
    WE_KAFKA_SEED_BROKERS: kafka.brokers.join(','),
  };
  await migrate({ dsn: postgres.dsn });
  await pool.query('insert into job_types (type) values ($1) on conflict do nothing', [BENCH_TYPE]);
  await applyServiceTopics(env, [BENCH_TYPE]);
  return {
    postgres,
    kafka,
    pool,
    env,
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await postgres.stop();
      await kafka.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The machine and the versions, for the head of the report. */
export async function describeMachine(stack: BenchStack): Promise<string> {
  const model = /model name\s*:\s*(.*)/.exec(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))?.[1];
  const { rows } = await stack.pool.query<{ server_version: string }>('show server_version');
  return [
    `${cpus().length} cores (${model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Node ${process.versions.node}`,
    `PostgreSQL ${rows[0]?.server_version} (${Object.entries(SETTINGS)
      .map(([key, value]) => `${key}=${value}`)
      .join(', ')})`,
    'Apache Kafka 4.1.0, one broker, -Xmx1g, defaults, 3 partitions, acks=all',
    'everything, the load generator too, on the one machine',
  ].join('; ');
}
