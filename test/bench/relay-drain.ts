import { basename, join } from 'node:path';
import type { OutboxForm } from '../../adapters/postgres/sql/outbox-form.ts';
import { kafkaLibs } from '../../cli/dev/backends/choose.ts';
import { type Child, startChild } from '../../cli/dev/child.ts';
import { jobTopic } from '../../events/topics.ts';
import { bundleProcess } from '../../infra/bundle/processes.ts';
import { BENCH_TYPE, type BenchStack, run } from './environment.ts';
import { fillOutbox } from './outbox-fill.ts';
import { measureCpu, peakRssMb } from './processes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const VALUE_BYTES = 300;
const BASE_SLOT = 'bench_base';
const RELAY_SLOT = 'millrace_relay';

export interface DrainResult {
  readonly seconds: number;
  readonly messagesPerSecond: number;
  /** Microseconds of processor time a message. */
  readonly relayCpuUs: number;
  readonly walsenderCpuUs: number;
  readonly brokerCpuUs: number;
  readonly relayPeakRssMb: number;
}

/** A fresh backlog behind the relay's own slot: the relay has run before, is away, and the outbox fills. */
export async function prepareBacklog(
  stack: BenchStack,
  shape: { messages: number; perTransaction: number; perRow: number },
  shards = 1,
): Promise<void> {
  const { pool } = stack;
  await pool.query('truncate dispatch_outbox');
  const relay = await startRelay(stack, { shards });
  await poll(async () => ((await isSettled(stack)) ? true : undefined));
  await poll(async () => ((await walsenderPids(stack)).length === shards ? true : undefined));
  await relay.stop();
  await pool.query('truncate audit_log, dispatch_outbox');
  await pool.query(
    'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
    [BASE_SLOT],
  );
  await pool.query('select pg_create_logical_replication_slot($1, $2)', [BASE_SLOT, 'pgoutput']);
  await fillOutbox(pool, { ...shape, topic: jobTopic(BENCH_TYPE), valueBytes: VALUE_BYTES });
  await pool.query('vacuum (analyze) dispatch_outbox');
}

const built = new Map<string, Promise<string>>();

/** The process as its image runs it, built once a run. It lies two folders deep, as the sources do. */
function builtFrom(entry: string): Promise<string> {
  const path =
    built.get(entry) ?? bundleProcess(entry, join(ROOT, '.millrace', `bench-${basename(entry, '.ts')}`));
  built.set(entry, path);
  return path;
}

/** @param options.writeBack whether it clears and audits what it has published */
export async function startRelay(
  stack: BenchStack,
  { writeBack = true, shards = 1, outbox = 'table' as OutboxForm } = {},
): Promise<Child> {
  return startChild('relay', {
    command: ['relay'],
    main: await builtFrom(writeBack ? 'cli/main.ts' : 'test/bench/relay-keeping-rows.ts'),
    env: { ...stack.env, WE_METRICS_PORT: '0', WE_RELAY_SHARDS: String(shards), WE_OUTBOX: outbox },
    log: join(stack.postgres.dataDir, '..', 'relay.log'),
  });
}

/** The relay as a user starts it, from its first published message to its last; with write-back, to an empty outbox. */
export async function drainWithRelay(
  stack: BenchStack,
  messages: number,
  { writeBack = true, shards = 1 } = {},
): Promise<DrainResult> {
  const brokerPid = stack.kafka.pids[0] ?? 0;
  const brokerCpu = await measureCpu(brokerPid);
  const relay = await startRelay(stack, { writeBack, shards });
  try {
    const metricsUrl = relay.addresses['metricsUrl'] ?? '';
    const began = await poll(() =>
      published(metricsUrl).then((count) => (count > 0 ? performance.now() : undefined)),
    );
    const relayCpu = await measureCpu(relay.pid);
    const walsenders = await Promise.all((await walsenderPids(stack)).map(measureCpu));
    await poll(async () => ((await published(metricsUrl)) >= messages ? true : undefined));
    if (writeBack) await poll(async () => ((await outboxIsEmpty(stack)) ? true : undefined));
    const seconds = (performance.now() - began) / 1000;
    const walsenderUsed = await Promise.all(walsenders.map((used) => used()));
    return {
      seconds,
      messagesPerSecond: messages / seconds,
      relayCpuUs: (await relayCpu()) / messages,
      walsenderCpuUs: walsenderUsed.reduce((sum, used) => sum + used, 0) / messages,
      brokerCpuUs: (await brokerCpu()) / messages,
      relayPeakRssMb: await peakRssMb(relay.pid),
    };
  } finally {
    await relay.stop();
  }
}

async function published(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const lines = text.matchAll(
    /^workflow_engine_dispatch_relay_publish_total\{result="success"[^}]*\} (\S+)$/gm,
  );
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}

async function walsenderPids({ pool }: BenchStack): Promise<number[]> {
  const { rows } = await pool.query<{ active_pid: number }>(
    'select active_pid from pg_replication_slots where starts_with(slot_name, $1) and active_pid is not null',
    [RELAY_SLOT],
  );
  return rows.map(({ active_pid }) => active_pid);
}

/** Whether the relay has a slot of its own that it will go on with. */
async function isSettled({ pool }: BenchStack): Promise<boolean> {
  const { rows } = await pool.query<{ settled: boolean }>(
    'select exists (select from relay_state where rebuild_reason is null and confirmed_lsn is not null) as settled',
  );
  return rows[0]?.settled ?? false;
}

async function outboxIsEmpty({ pool }: BenchStack): Promise<boolean> {
  const { rows } = await pool.query<{ empty: boolean }>(
    'select not exists (select from dispatch_outbox) as empty',
  );
  return rows[0]?.empty ?? false;
}

const POLL_MS = 50;
const GIVE_UP_MS = 300_000;

async function poll<T>(check: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + GIVE_UP_MS;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error('the backlog did not drain within five minutes');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The limit on the side of the log: how fast PostgreSQL's own client reads the same changes to nowhere. */
export async function drainWithPgRecvlogical(
  stack: BenchStack,
  messages: number,
): Promise<number | undefined> {
  const tool = await findPgRecvlogical();
  if (!tool) return undefined;
  const { pool } = stack;
  await pool.query('select pg_copy_logical_replication_slot($1, $2)', [BASE_SLOT, 'bench_recv']);
  try {
    const { rows } = await pool.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
    const began = performance.now();
    await run(tool, [
      ...['-d', stack.postgres.dsn, '--slot', 'bench_recv', '--start', '--no-loop', '-f', '/dev/null'],
      ...['--endpos', rows[0]?.lsn ?? '', '-o', 'proto_version=1', '-o', 'publication_names=millrace_outbox'],
      ...['-o', 'binary=true', '-F', '0'],
    ]);
    return messages / ((performance.now() - began) / 1000);
  } finally {
    await pool.query('select pg_drop_replication_slot($1)', ['bench_recv']);
  }
}

async function findPgRecvlogical(): Promise<string | undefined> {
  const { stdout } = await run('sh', [
    '-c',
    'command -v pg_recvlogical || ls /usr/lib/postgresql/*/bin/pg_recvlogical 2>/dev/null | tail -1',
  ]).catch(() => ({ stdout: '' }));
  return stdout.trim() || undefined;
}

/** The limit on the side of the broker: Kafka's own producer test, same record size, acks=all. @returns records/s */
export async function kafkaProducerTest(stack: BenchStack, records: number): Promise<number | undefined> {
  if (stack.kafka.source !== 'local') return undefined;
  const { stdout } = await run('java', [
    ...[
      '-cp',
      join(kafkaLibs(), '*'),
      'org.apache.kafka.tools.ProducerPerformance',
      '--topic',
      jobTopic(BENCH_TYPE),
    ],
    ...['--num-records', String(records), '--record-size', String(VALUE_BYTES + 36), '--throughput', '-1'],
    ...['--producer-props', `bootstrap.servers=${stack.kafka.brokers.join(',')}`, 'acks=all'],
  ]);
  const rates = [...stdout.matchAll(/, ([\d.]+) records\/sec/g)].map((match) => Number(match[1]));
  return rates.at(-1);
}
