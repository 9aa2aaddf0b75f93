import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../helpers/wait-for.ts';

export interface PublishedLine {
  readonly at: number;
  /** Counts the calls to the broker of the process that wrote it. */
  readonly call: number;
  readonly epoch: number;
  readonly key: string;
  readonly value: string;
}

/** The file that stands for the broker of relays in processes of their own. */
export class BrokerFile implements AsyncDisposable {
  readonly path: string;
  readonly #dir: string;
  readonly #children: ChildProcess[] = [];
  readonly #lines: PublishedLine[] = [];
  /** How far the file has been read, and what followed the last line feed there. */
  #offset = 0;
  #rest = '';

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

  /** Everything published so far. Only what is new is read: a long run asks ten thousand times. */
  async lines(): Promise<readonly PublishedLine[]> {
    await using file = await open(this.path, 'r');
    const { size } = await file.stat();
    const fresh = Buffer.alloc(size - this.#offset);
    await file.read(fresh, 0, fresh.length, this.#offset);
    this.#offset = size;
    const lines = (this.#rest + fresh.toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#lines.push(...parse(line));
    return [...this.#lines, ...parse(this.#rest)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => kill(child, 'SIGKILL')));
    await rm(this.#dir, { recursive: true, force: true });
  }
}

function parse(line: string): PublishedLine[] {
  const match = /^(\d+) (\d+) (\d+) (\S+) (.+);$/.exec(line);
  if (!match) return [];
  const [, at, call, epoch, key = '', value = ''] = match;
  return [{ at: Number(at), call: Number(call), epoch: Number(epoch), key, value }];
}

export async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await waitFor(() => child.exitCode !== null || child.signalCode !== null, {
    // Longer than the deadlines of a hand-over whose database has vanished, one after the other.
    within: 45_000,
    what: `the relay to end after ${signal}`,
  });
}
