import { access, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { aliveBrokers } from './kafka-probe.ts';
import {
  type BrokerLayout,
  type BrokerNode,
  brokerProperties,
  loggingConfiguration,
  scramArguments,
} from './kafka-properties.ts';
import {
  commandLine,
  endProcess,
  isAlive,
  logTail,
  runCommand,
  sendSignal,
  spawnDetached,
  within,
} from './processes.ts';
import { unfinishedPath } from './unfinished.ts';

export interface BrokerOptions {
  readonly java: string;
  readonly libs: string;
  /** The folder of this one broker. */
  readonly dir: string;
  readonly node: BrokerNode;
  readonly layout: Omit<BrokerLayout, 'dataDir'>;
  readonly clusterId: string;
  /** Java's notation, for instance 512m. */
  readonly heap: string;
  /** The second compiler pays off only in long runs, and costs a core while it works. */
  readonly hasFullJit: boolean;
}

const READY_DEADLINE_MS = 90_000;

/** Makes the data directory unless it is there. Made aside and renamed: one cut short is never taken for a whole one. */
export async function formatBroker(broker: BrokerOptions): Promise<void> {
  const dataDir = join(broker.dir, 'data');
  await mkdir(broker.dir, { recursive: true });
  if (await exists(dataDir)) return;
  const unfinished = await unfinishedPath(dataDir);
  const properties = join(broker.dir, 'format.properties');
  await writeFile(properties, brokerProperties({ ...broker.layout, dataDir: unfinished }, broker.node));
  const { code, output } = await runCommand(broker.java, [
    '-Xmx128m',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    join(broker.libs, '*'),
    'kafka.tools.StorageTool',
    'format',
    '--cluster-id',
    broker.clusterId,
    '--config',
    properties,
    ...scramArguments(),
  ]);
  if (code !== 0) {
    throw new MillraceError(
      'broker_unreachable',
      `Kafka could not format ${dataDir}: ${output.trim()}\nCheck that the disk has room and that the directory may be written.`,
    );
  }
  await rename(unfinished, dataDir);
}

/** Starts the process and returns its pid; `awaitBroker` says when it serves. */
export async function spawnBroker(broker: BrokerOptions): Promise<number> {
  const { dir } = broker;
  const paths = brokerPaths(dir);
  await writeFile(
    paths.properties,
    brokerProperties({ ...broker.layout, dataDir: join(dir, 'data') }, broker.node),
  );
  await writeFile(paths.logging, loggingConfiguration(paths.log));
  await rm(paths.log, { force: true });
  const jit = broker.hasFullJit ? [] : ['-XX:TieredStopAtLevel=1'];
  const output = await open(paths.console, 'w');
  try {
    const child = spawnDetached(
      [
        broker.java,
        `-Xmx${broker.heap}`,
        ...jit,
        `-Dlog4j2.configurationFile=${paths.logging}`,
        '-cp',
        join(broker.libs, '*'),
        'kafka.Kafka',
        paths.properties,
      ],
      { cwd: dir, stdio: ['ignore', output.fd, output.fd], signalAtExit: 'SIGTERM' },
    );
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    await writeFile(paths.pid, String(pid));
    return pid;
  } finally {
    await output.close();
  }
}

/** Resolves once the broker is part of a cluster of this many. */
export async function awaitBroker(
  broker: BrokerOptions,
  options: { pid: number; brokers: number; signal: AbortSignal | undefined },
): Promise<void> {
  const { port } = broker.node;
  let isGone = false;
  const isServing = await within(READY_DEADLINE_MS, async () => {
    options.signal?.throwIfAborted();
    isGone = !(await isAlive(options.pid));
    return isGone || (await aliveBrokers('127.0.0.1', port)) >= options.brokers;
  });
  if (isServing && !isGone) return;
  const paths = brokerPaths(broker.dir);
  const tail = `${await logTail(paths.console)}\n${await logTail(paths.log)}`.trim();
  const advice = /Address already in use/.test(tail)
    ? 'A port is taken: stop what listens there, or choose another port.'
    : `The log is ${paths.log}.`;
  throw new MillraceError(
    'broker_unreachable',
    `Kafka broker ${broker.node.id} ${isGone ? 'ended while starting' : 'did not get ready in time'} on port ${port}. ${advice} Its last words:\n${tail}`,
    { detail: { dir: broker.dir, port } },
  );
}

/** True when the process is gone. A paused one is woken first: it could not hear that it is to end. */
export async function endBroker(pid: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
  if (!sendSignal(pid, 'SIGCONT')) return true;
  const last = { signal: 'SIGKILL', waitMs: 5_000 } as const;
  return endProcess(pid, signal === 'SIGKILL' ? [last] : [{ signal, waitMs: 20_000 }, last]);
}

/** Stops the brokers which a killed process has left on the directory of a cluster. */
export async function endLeftoverBrokers(dir: string, onProgress: (line: string) => void): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  const brokers = names.filter((name) => /^broker-\d+$/.test(name));
  await Promise.all(brokers.map((name) => endLeftover(join(dir, name), onProgress)));
}

async function endLeftover(dir: string, onProgress: (line: string) => void): Promise<void> {
  const paths = brokerPaths(dir);
  const pid = Number(await readFile(paths.pid, 'utf8').catch(() => ''));
  // The pid may meanwhile be another process's: ours names our file on its command line.
  if (pid > 0 && (await commandLine(pid)).includes(paths.properties)) {
    onProgress(`stopping a Kafka broker left over on ${dir} (process ${pid})`);
    await endBroker(pid, 'SIGTERM');
  }
  await rm(paths.pid, { force: true });
}

function brokerPaths(dir: string) {
  return {
    properties: join(dir, 'server.properties'),
    logging: join(dir, 'log4j2.xml'),
    log: join(dir, 'server.log'),
    console: join(dir, 'console.log'),
    pid: join(dir, 'broker.pid'),
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
