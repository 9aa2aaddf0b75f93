import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { MillraceError } from '../../../engine/errors.ts';
import type { ServerCommand } from './debian-packages.ts';
import { freePort } from './ports.ts';
import { endProcess, isAlive, logTail, spawnDetached, startMark, within } from './processes.ts';

export interface LoopbackOptions {
  /** As a person reads it. */
  readonly title: string;
  readonly server: ServerCommand;
  readonly logPath: string;
  readonly port?: number;
  /** Of the server, once its port is known. */
  readonly args: (port: number) => readonly string[];
  /** What its log says once it is ready, where an open port does not say it. */
  readonly readyLine?: RegExp;
}

/** PEM files with which a server speaks TLS, and in plain text no more. */
export interface ServerTls {
  readonly certPath: string;
  readonly keyPath: string;
}

/** A server on the loopback interface, which one process of ours started and ends. */
export interface LoopbackServer {
  readonly port: number;
  readonly pid: number;
  /** Resolves once it has ended. Safe to call twice. */
  stop(): Promise<void>;
  /** As a crash. */
  kill(): Promise<void>;
  /** On the same port, with what it had stored. */
  restart(): Promise<void>;
}

const START_MS = 30_000;
const LAST = { signal: 'SIGKILL', waitMs: 5_000 } as const;

export async function startLoopback(options: LoopbackOptions): Promise<LoopbackServer> {
  const port = options.port ?? (await freePort());
  await endLeftover(options);
  let pid = await launch(options, port);
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    await endProcess(pid, signal === 'SIGKILL' ? [LAST] : [{ signal, waitMs: 10_000 }, LAST]);
    await rm(pidPath(options), { force: true });
  };
  return {
    port,
    get pid() {
      return pid;
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      pid = await launch(options, port);
    },
  };
}

async function launch(options: LoopbackOptions, port: number): Promise<number> {
  const { title, server, logPath, readyLine } = options;
  // A file, not a pipe: the server may outlive us, and then must not fail writing to nobody.
  const log = await open(logPath, 'w');
  const child = spawnDetached([server.path, ...options.args(port)], {
    env: { ...process.env, ...server.env },
    stdio: ['ignore', log.fd, log.fd],
    signalAtExit: 'SIGKILL',
  });
  const failed = new Promise<Error>((resolve) => child.once('error', resolve));
  await log.close();
  const { pid } = child;
  if (pid === undefined) {
    throw new MillraceError('configuration', `${title} could not be run: ${(await failed).message}`);
  }
  await writeFile(pidPath(options), `${pid} ${await startMark(pid)}`);
  const isReady = async (): Promise<boolean> =>
    readyLine ? readyLine.test(await readFile(logPath, 'utf8')) : await isOpen(port);
  const isOver = async (): Promise<boolean> => child.exitCode !== null || !(await isAlive(pid));
  await within(START_MS, async () => (await isReady()) || (await isOver()), 10);
  if ((await isReady()) && !(await isOver())) return pid;
  await endProcess(pid, [LAST]);
  throw new MillraceError(
    'broker_unreachable',
    `${title} did not start on port ${port}. Its log is ${logPath}; its last words:\n${await logTail(logPath)}`,
  );
}

/** A killed process of ours leaves its server behind, which still holds its files. */
async function endLeftover(options: LoopbackOptions): Promise<void> {
  const text = await readFile(pidPath(options), 'utf8').catch(() => '');
  const [pid, mark] = text.split(' ');
  if (!mark || (await startMark(Number(pid))) !== mark) return;
  await endProcess(Number(pid), [{ signal: 'SIGTERM', waitMs: 10_000 }, LAST]);
}

function pidPath({ logPath }: LoopbackOptions): string {
  return `${logPath}.pid`;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
