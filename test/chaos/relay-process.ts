import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../helpers/wait-for.ts';

export interface PublishedLine {
  readonly at: number;
  readonly epoch: number;
  readonly value: string;
}

/** The file that stands for the broker of relays in processes of their own. */
export class BrokerFile implements AsyncDisposable {
  readonly path: string;
  readonly #dir: string;
  readonly #children: ChildProcess[] = [];

  private constructor(dir: string) {
    this.#dir = dir;
    this.path = join(dir, 'published');
  }

  static async create(): Promise<BrokerFile> {
    const broker = new BrokerFile(await mkdtemp(join(tmpdir(), 'millrace-relay-')));
    await writeFile(broker.path, '');
    return broker;
  }

  /** Starts a relay that publishes here; resolves when it stands as a candidate. */
  async relay(env: Readonly<Record<string, string>>): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, 'relay-child.ts'), [this.path], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#children.push(child);
    await once(child, 'message');
    return child;
  }

  async lines(): Promise<PublishedLine[]> {
    const text = await readFile(this.path, 'utf8');
    return text.split('\n').flatMap((line): PublishedLine[] => {
      const match = /^(\d+) (\d+) (.+);$/.exec(line);
      return match ? [{ at: Number(match[1]), epoch: Number(match[2]), value: match[3] ?? '' }] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => kill(child, 'SIGKILL')));
    await rm(this.#dir, { recursive: true, force: true });
  }
}

export async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await waitFor(() => child.exitCode !== null || child.signalCode !== null, {
    within: 20_000,
    what: `the relay to end after ${signal}`,
  });
}
