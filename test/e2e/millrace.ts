import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../..');

/** A directory of a service of its own: the repository's handlers, no data. */
export async function createService(): Promise<{ directory: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-e2e-'));
  const config = pathToFileURL(join(ROOT, 'millrace.config.ts')).href;
  await writeFile(
    join(directory, 'millrace.config.ts'),
    `export { default } from ${JSON.stringify(config)};\n`,
  );
  return {
    directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

export interface Run {
  readonly child: ChildProcess;
  /** All that was written so far, both streams. */
  output(): string;
  /** Resolves with the exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** The command as a user types it. The environment is this one less what would lead it elsewhere. */
export function millrace(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Run {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(WE_|VITEST|NODE_)/.test(name)),
  );
  const child = spawn('node', [join(ROOT, 'cli', 'millrace.mjs'), ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...inherited, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const ended = new Promise<number | NodeJS.Signals>((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => settle(code ?? signal ?? 'SIGKILL'));
  });
  return { child, output: () => text, ended };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
