import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');

export interface KillableOptions {
  /** As after `millrace`. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One process of an installation, which dies by SIGKILL and is started again, as a supervisor would. */
export class Killable implements AsyncDisposable {
  readonly #options: KillableOptions;
  #child: ChildProcess | undefined;
  #said = '';

  constructor(options: KillableOptions) {
    this.#options = options;
  }

  /** Resolves with the addresses it gives once it is ready. */
  async start(): Promise<Readonly<Record<string, string>>> {
    const { command, cwd, env } = this.#options;
    const inherited = Object.entries(process.env).filter(([name]) => !/^(WE_|VITEST|NODE_)/.test(name));
    const child = spawn(process.execPath, [MAIN, ...command], {
      cwd,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said = (this.#said + chunk.toString()).slice(-4_000);
      });
    }
    return new Promise((resolve, reject) => {
      child.once('exit', () => reject(new Error(`millrace ${command.join(' ')} ended:\n${this.#said}`)));
      child.on('message', (message: { ready?: Record<string, string> }) => {
        if (message.ready) resolve(message.ready);
      });
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
