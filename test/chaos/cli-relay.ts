import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import nodeFlags from '../../cli/node-flags.json' with { type: 'json' };
import type { Topic } from '../../events/ids.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { kill } from './relay-process.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export interface CliRelayOptions {
  readonly env: Readonly<Record<string, string>>;
  /** A command before ours, for instance one that enters a network namespace. */
  readonly within?: readonly string[];
}

/** `millrace relay` on Kafka, as a user starts it. Disposing kills it. */
export class CliRelay implements AsyncDisposable {
  readonly child: ChildProcess;
  /** What it wrote: the boot log, and the log. */
  readonly lines: string[] = [];

  private constructor(child: ChildProcess) {
    this.child = child;
    for (const input of [child.stdout, child.stderr]) {
      if (input) createInterface({ input }).on('line', (line) => this.lines.push(line));
    }
  }

  /** Resolves once it is leader or standby. */
  static async start({ env, within = [] }: CliRelayOptions): Promise<CliRelay> {
    // As `cli/millrace.mjs` starts it, which would stand between the test and the process it kills.
    const node = [process.execPath, ...nodeFlags.relay, join(ROOT, 'cli', 'main.ts')];
    const [file = '', ...args] = [...within, ...node, 'relay'];
    const child = spawn(file, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const relay = new CliRelay(child);
    try {
      await waitFor(() => relay.said('relay started'), { within: 60_000, what: 'the relay to start' });
      return relay;
    } catch (error) {
      await kill(child, 'SIGKILL');
      throw new Error(`the relay did not start: ${relay.lines.slice(-5).join('\n')}`, { cause: error });
    }
  }

  said(words: string): boolean {
    return this.lines.some((line) => line.includes(words));
  }

  /** Largest resident size it ever had, in mebibytes. */
  async peakMebibytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  }

  /** @returns the exit code, null after a signal */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    await kill(this.child, signal);
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A stopped process takes a SIGKILL as well.
    await kill(this.child, 'SIGKILL');
  }
}

/** What a relay on a broker without login needs, with a slot of its own. */
export function cliRelayEnv(
  dsn: string,
  brokers: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    WE_POSTGRES_DSN: dsn,
    WE_DISPATCH_MODE: 'kafka_outbox',
    WE_KAFKA_TRANSPORT: 'plaintext',
    WE_KAFKA_SEED_BROKERS: brokers.join(','),
    WE_RELAY_SLOT: `test_${randomBytes(6).toString('hex')}`,
    WE_METRICS_PORT: '0',
    ...more,
  };
}

export function chaosTopic(): Topic {
  return `workflow.jobs.chaos-${randomBytes(6).toString('hex')}` as Topic;
}
