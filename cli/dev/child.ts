import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../../engine/errors.ts';
import nodeFlags from '../node-flags.json' with { type: 'json' };

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** What the process said of itself when it was ready. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Resolves with a description when the process has ended, wanted or not. */
  readonly ended: Promise<string>;
  /** Asks it to end, and insists after ten seconds. Resolves once it is gone. Safe to call twice. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** The verb and its options, as on the command line. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File for its output. */
  readonly log: string;
  /** What to run in the place of the millrace command. */
  readonly main?: string;
}

/** V8's limits by verb; `cli/millrace.mjs` says why. */
function flagsOf([verb = '']: readonly string[]): readonly string[] {
  const flags: Readonly<Record<string, readonly string[]>> = nodeFlags;
  return flags[verb] ?? [];
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 10_000;
const TAIL_CHARS = 2_000;

/** Starts one millrace process and waits until it says that it is ready. It ends when this process does, however that ends. */
export async function startChild(name: string, options: ChildOptions): Promise<Child> {
  const child = spawn(
    process.execPath,
    [...flagsOf(options.command), options.main ?? MAIN, ...options.command],
    {
      // Its own group: Ctrl-C reaches this process alone, which then ends the children in order.
      detached: true,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  const tail = keepOutput(child, options.log);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `exited with code ${code}`));
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
  });
  const addresses = await readiness(child, ended).catch(async (error: unknown) => {
    child.kill('SIGKILL');
    const said = tail().trim();
    throw new MillraceError(
      'unavailable',
      `${name} did not start: ${reasonOf(error)}.${said ? `\n${said}` : ''}`,
      {
        cause: error,
      },
    );
  });
  return { name, pid: child.pid ?? 0, addresses, ended, stop: () => stopChild(child, ended) };
}

function keepOutput(child: ChildProcess, path: string): () => string {
  const log = createWriteStream(path, { flags: 'a' });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      log.write(text);
      tail = (tail + text).slice(-TAIL_CHARS);
    });
  }
  child.once('close', () => log.end());
  return () => tail;
}

function readiness(child: ChildProcess, ended: Promise<string>): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('not ready within a minute')), READY_WITHIN_MS);
    child.on('message', (message) => {
      if (!isReady(message)) return;
      clearTimeout(timer);
      resolve(message.ready);
    });
    void ended.then((how) => {
      clearTimeout(timer);
      reject(new Error(how));
    });
  });
}

function isReady(message: unknown): message is { ready: Record<string, string> } {
  return typeof message === 'object' && message !== null && 'ready' in message;
}

async function stopChild(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(insist);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
