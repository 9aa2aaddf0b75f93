import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureJars } from '../../../cli/dev/backends/maven-jars.ts';
import { freePorts } from '../../../cli/dev/backends/ports.ts';
import type { BenchStack } from '../environment.ts';
import type { RunningPeer } from './drain.ts';
import { PEER_AGGREGATE, PEER_BASE_SLOT, PEER_PUBLICATION, PEER_TABLE } from './peer-outbox.ts';

export const DEBEZIUM_VERSION = '3.3.1.Final';
const KAFKA_VERSION = '4.1.0';
export const DEBEZIUM_TOPIC = `outbox.event.${PEER_AGGREGATE}`;
const SLOT = 'peer_debezium';

/** What its documentation and ours (BENCHMARKS.md) name as worth turning; everything else stays at its default. */
const TUNED = {
  worker: {
    'producer.batch.size': '262144',
    'producer.linger.ms': '5',
    'producer.max.in.flight.requests.per.connection': '5',
  },
  connector: { 'max.batch.size': '8192', 'max.queue.size': '32768', 'poll.interval.ms': '10' },
} as const;

export function ensureDebezium(onProgress: (line: string) => void): Promise<string> {
  return ensureJars(
    {
      title: `Debezium ${DEBEZIUM_VERSION} and Kafka Connect ${KAFKA_VERSION} (40 MB)`,
      artifacts: [
        `org.apache.kafka:connect-runtime:${KAFKA_VERSION}`,
        `org.apache.kafka:connect-json:${KAFKA_VERSION}`,
        `io.debezium:debezium-connector-postgres:${DEBEZIUM_VERSION}`,
        'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3',
      ],
      dir: join(import.meta.dirname, '..', '..', '..', '.millrace', `debezium-${DEBEZIUM_VERSION}`, 'libs'),
    },
    onProgress,
  );
}

/** Kafka Connect standalone with Debezium's PostgreSQL connector and its outbox event router, from the base slot's position. */
export async function startDebezium(stack: BenchStack, options: { tuned: boolean }): Promise<RunningPeer> {
  const libs = await ensureDebezium((line) => console.error(line));
  const dir = join(stack.postgres.dataDir, '..', 'debezium');
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await stack.pool.query('select pg_copy_logical_replication_slot($1, $2)', [PEER_BASE_SLOT, SLOT]);
  const [port = 0] = await freePorts(1);
  const tuning = options.tuned ? TUNED : { worker: {}, connector: {} };
  await writeFile(
    join(dir, 'worker.properties'),
    properties({ ...worker(stack, dir, port), ...tuning.worker }),
  );
  await writeFile(join(dir, 'outbox.properties'), properties({ ...connector(stack), ...tuning.connector }));
  const child = spawn(
    'java',
    [
      ...['-Xmx2g', '-cp', join(libs, '*'), 'org.apache.kafka.connect.cli.ConnectStandalone'],
      ...[join(dir, 'worker.properties'), join(dir, 'outbox.properties')],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log = createWriteStream(join(dir, '..', 'debezium.log'), { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      await end(child);
      log.end();
      await dropSlot(stack);
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  // What it has published and not confirmed does not matter here; its orderly end takes up to half a minute.
  child.kill('SIGKILL');
  await gone;
}

async function dropSlot({ pool }: BenchStack): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ active: boolean }>(
      'select active from pg_replication_slots where slot_name = $1',
      [SLOT],
    );
    if (!rows[0]) return;
    if (!rows[0].active) await pool.query('select pg_drop_replication_slot($1)', [SLOT]);
    else await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function worker(stack: BenchStack, dir: string, port: number): Record<string, string> {
  return {
    'bootstrap.servers': stack.kafka.brokers.join(','),
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'offset.storage.file.filename': join(dir, 'offsets'),
    listeners: `http://127.0.0.1:${port}`,
  };
}

function connector(stack: BenchStack): Record<string, string> {
  const dsn = new URL(stack.postgres.dsn);
  return {
    name: 'outbox',
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'plugin.name': 'pgoutput',
    'database.hostname': dsn.hostname,
    'database.port': dsn.port,
    'database.user': decodeURIComponent(dsn.username),
    'database.password': decodeURIComponent(dsn.password),
    'database.dbname': dsn.pathname.slice(1),
    'topic.prefix': 'peer',
    'publication.name': PEER_PUBLICATION,
    'publication.autocreate.mode': 'disabled',
    'slot.name': SLOT,
    'snapshot.mode': 'no_data',
    'table.include.list': `public.${PEER_TABLE}`,
    transforms: 'outbox',
    'transforms.outbox.type': 'io.debezium.transforms.outbox.EventRouter',
    'tombstones.on.delete': 'false',
  };
}

function properties(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
