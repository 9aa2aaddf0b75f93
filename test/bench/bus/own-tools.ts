import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureKafkaJars } from '../../../cli/dev/backends/kafka-jars.ts';
import { runCommand } from '../../../cli/dev/backends/processes.ts';
import { VALUE_BYTES } from '../steady-load.ts';
import type { BusStack, Provider } from './buses.ts';
import { findNatsCli, NATS_CLI } from './nats-cli.ts';

/** What the broker's own tool gets on the same machine: the limit of what a bus on it can. */
export interface OwnFigures {
  readonly publishPerSecond?: number;
  readonly consumePerSecond?: number;
  /** From publishing to the broker's answer, at 1,000 messages a second. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

export interface OwnTool {
  readonly name: string;
  run(on: BusStack, messages: number): Promise<OwnFigures>;
}

export const OWN_TOOLS: Readonly<Record<Provider, OwnTool>> = {
  pgchannel: { name: 'pgbench: one insert and NOTIFY a transaction, 16 clients', run: pgbench },
  nats: {
    name: 'nats bench: 1 publisher, acknowledged in batches of 100; 1 consumer that pulls 100',
    run: natsBench,
  },
  kafka: { name: 'kafka-producer-perf-test and kafka-consumer-perf-test, acks=all', run: kafkaPerf },
};

const PGBENCH_SECONDS = 3;

async function pgbench({ stack }: BusStack): Promise<OwnFigures> {
  const path = join(stack.postgres.dataDir, '..', 'floor.sql');
  await stack.pool.query(
    'create table if not exists bench_floor (id bigint generated always as identity primary key, payload text)',
  );
  await writeFile(
    path,
    `begin;\ninsert into bench_floor (payload) values (repeat('x', ${VALUE_BYTES}));\nnotify bench_floor;\ncommit;\n`,
  );
  const args = ['-n', '-c', '16', '-j', '2', '-T', String(PGBENCH_SECONDS), '-f', path, stack.postgres.dsn];
  const { code, output } = await runCommand('pgbench', args);
  await stack.pool.query('drop table bench_floor');
  if (code !== 0) throw new Error(missing('pgbench', 'postgresql-contrib', output));
  return figures({ publishPerSecond: numberIn(output, /tps = ([\d.]+)/) });
}

const LONGEST_MS = 120_000;

async function natsBench({ nats }: BusStack, messages: number): Promise<OwnFigures> {
  const command = await findNatsCli();
  const name = `bench-own-${Date.now()}`;
  // It repeats for ever what it cannot publish, line after line.
  const tool = (...args: string[]) =>
    runCommand(command, ['--server', nats.url, ...args], { timeout: LONGEST_MS });
  const bench = (...how: string[]) =>
    tool(
      ...['bench', name, '--js', '--stream', name, '--storage', 'file', '--no-progress'],
      ...['--msgs', String(messages), '--size', String(VALUE_BYTES), ...how],
    );
  // A stream with a name of its own is one that is there.
  const made = await tool('stream', 'add', name, '--subjects', name, '--storage', 'file', '--defaults');
  if (made.code !== 0) throw new Error(missing('nats stream add', `natscli ${NATS_CLI}`, made.output));
  const published = await bench('--pub', '1');
  if (published.code !== 0) throw new Error(missing('nats bench', `natscli ${NATS_CLI}`, published.output));
  const consumed = await bench('--sub', '1', '--pull');
  return figures({
    publishPerSecond: numberIn(published.output, /Pub stats: ([\d,]+) msgs\/sec/),
    consumePerSecond: numberIn(consumed.output, /Sub stats: ([\d,]+) msgs\/sec/),
  });
}

async function kafkaPerf({ stack }: BusStack, messages: number): Promise<OwnFigures> {
  const libs = await ensureKafkaJars((line) => console.error(line));
  const topic = `bench-own-${Date.now()}`;
  const servers = stack.kafka.brokers.join(',');
  const java = (tool: string, ...args: string[]) =>
    runCommand('java', ['-Xmx512m', '-cp', join(libs, '*'), `org.apache.kafka.tools.${tool}`, ...args]);
  const produce = (count: number, rate: number) =>
    java(
      'ProducerPerformance',
      ...['--topic', topic, '--num-records', String(count), '--record-size', String(VALUE_BYTES)],
      ...['--throughput', String(rate), '--producer-props', `bootstrap.servers=${servers}`, 'acks=all'],
    );
  const made = await java(
    'TopicCommand',
    ...['--bootstrap-server', servers, '--create', '--topic', topic, '--partitions', '6'],
  );
  if (made.code !== 0) throw new Error(missing('java', 'a Java runtime', made.output));
  const published = await produce(messages, -1);
  const consumed = await java(
    'ConsumerPerformance',
    ...['--bootstrap-server', servers, '--topic', topic, '--messages', String(messages)],
  );
  const paced = await produce(3_000, 1_000);
  return figures({
    publishPerSecond: numberIn(published.output, /records sent, ([\d.]+) records\/sec/),
    // The last column is that of fetching alone, without the joining of a group.
    consumePerSecond: numberIn(consumed.output, /, ([\d.]+)\s*$/),
    p50Ms: numberIn(lastLine(paced.output), /([\d.]+) ms 50th/),
    p99Ms: numberIn(lastLine(paced.output), /([\d.]+) ms 99th/),
  });
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? '';
}

function numberIn(output: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(output)?.[1]?.replaceAll(',', '');
  return found === undefined ? undefined : Number(found);
}

/** What the tool did not say is left out. */
function figures(all: { readonly [name in keyof OwnFigures]: number | undefined }): OwnFigures {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function missing(tool: string, install: string, output: string): string {
  return `${tool} did not run (install ${install}): ${output.trim().split('\n').at(-1) ?? ''}`;
}
