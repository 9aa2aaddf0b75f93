import { open, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { type Cluster, serverEnvironment } from './postgres-cluster.ts';
import { commandLine, endProcess, isAlive, logTail, spawnDetached, within } from './processes.ts';

export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** SIGINT is a fast shutdown, SIGQUIT a crash. Resolves once the process has ended. Safe to call twice. */
  end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void>;
}

export type LaunchOutcome =
  | { readonly kind: 'started'; readonly postmaster: Postmaster }
  | { readonly kind: 'port_taken' | 'failed'; readonly tail: string; readonly logPath: string };

export interface LaunchOptions {
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

type Place = Pick<Cluster, 'dataDir' | 'onProgress'>;

const START_DEADLINE_MS = 60_000;
/** How long a fast shutdown may take: it waits for walsenders whose client does not read. */
const FAST_SHUTDOWN_MS = 10_000;

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // No socket file: nothing to be left over, and no limit on the length of the path.
  unix_socket_directories: '',
  wal_level: 'logical',
  max_connections: '200',
  max_wal_senders: '60',
  max_replication_slots: '60',
  shared_buffers: '256MB',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

export async function launch(cluster: Cluster, options: LaunchOptions): Promise<LaunchOutcome> {
  const logPath = `${cluster.dataDir}.log`;
  const child = await spawnServer(cluster, { ...options, logPath });
  const isReady = (): Promise<boolean> => hasStarted(cluster.dataDir, child.pid);
  const hasEnded = (): boolean =>
    child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  await within(
    START_DEADLINE_MS,
    async () => hasEnded() || options.signal?.aborted === true || (await isReady()),
    5,
  );
  if (child.pid !== undefined && !hasEnded()) {
    const postmaster = postmasterOf(cluster, child.pid, options.port);
    if ((await isReady()) && options.signal?.aborted !== true) return { kind: 'started', postmaster };
    await postmaster.end('SIGQUIT');
    options.signal?.throwIfAborted();
  }
  const tail = await logTail(logPath);
  return { kind: /could not bind/.test(tail) ? 'port_taken' : 'failed', tail, logPath };
}

async function spawnServer(cluster: Cluster, options: LaunchOptions & { logPath: string }) {
  const settings = { ...DEFAULT_SETTINGS, ...options.settings, port: String(options.port) };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { command, options: spawnOptions } = cluster.user.wrap([
    join(cluster.bin, 'postgres'),
    '-D',
    cluster.dataDir,
    ...flags,
  ]);
  // A file, not a pipe: the server may outlive us, and then must not fail writing to nobody.
  const log = await open(options.logPath, 'w');
  try {
    const child = spawnDetached(command, {
      ...spawnOptions,
      env: serverEnvironment(),
      cwd: '/',
      stdio: ['ignore', log.fd, log.fd],
      signalAtExit: 'SIGINT',
    });
    child.on('error', (error) => cluster.onProgress(`PostgreSQL could not be run: ${error.message}`));
    return child;
  } finally {
    await log.close();
  }
}

/** The server writes its state as the last line of its pid file, in words no locale changes. */
async function hasStarted(dataDir: string, pid: number | undefined): Promise<boolean> {
  const lines = await pidFileLines(dataDir);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

function postmasterOf(cluster: Place, pid: number, port: number): Postmaster {
  return {
    pid,
    port,
    end: async (signal) => {
      if (await endPostmaster(pid, signal)) return;
      throw new MillraceError(
        'database_unreachable',
        `PostgreSQL on ${cluster.dataDir} (process ${pid}) did not stop. End it with: kill -9 ${pid}`,
      );
    },
  };
}

function endPostmaster(pid: number, signal: 'SIGINT' | 'SIGQUIT'): Promise<boolean> {
  const crash = { signal: 'SIGQUIT', waitMs: 10_000 } as const;
  const last = { signal: 'SIGKILL', waitMs: 5_000 } as const;
  return endProcess(
    pid,
    signal === 'SIGQUIT' ? [crash, last] : [{ signal, waitMs: FAST_SHUTDOWN_MS }, crash, last],
  );
}

/** Stops the server which a killed process has left on this directory, and removes what it left in the file system. */
export async function stopLeftover(cluster: Place): Promise<void> {
  const pid = Number((await pidFileLines(cluster.dataDir))[0]);
  if (!(pid > 0)) return;
  if (await isPostmasterOf(cluster.dataDir, pid)) {
    cluster.onProgress(`stopping a PostgreSQL left over on ${cluster.dataDir} (process ${pid})`);
    await postmasterOf(cluster, pid, 0).end('SIGINT');
  }
  // The pid may meanwhile be another process's: the server would then believe it is still running and refuse.
  await rm(join(cluster.dataDir, 'postmaster.pid'), { force: true });
}

async function isPostmasterOf(dataDir: string, pid: number): Promise<boolean> {
  if (!(await isAlive(pid))) return false;
  const command = await commandLine(pid);
  if (!/postgres/.test(command)) return false;
  if (command.includes(`-D ${dataDir} `)) return true;
  // Started by other means: every server process works inside its data directory.
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return cwd !== undefined && cwd === (await realpath(dataDir));
}

async function pidFileLines(dataDir: string): Promise<string[]> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  return text.split('\n');
}
