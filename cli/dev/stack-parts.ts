import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepId } from '../../events/ids.ts';
import type { KafkaServer } from './backends/kafka.ts';
import type { PostgresServer } from './backends/postgres.ts';
import { type Child, startChild } from './child.ts';
import { Releasers } from './releasers.ts';

export interface StackOptions {
  /** Holds the data directories and the logs. */
  readonly directory: string;
  readonly types: readonly StepId[];
  /** 0 for any free port. */
  readonly httpPort: number;
  readonly metricsPort: number;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Everything that runs a job from HTTP to its completion, on this machine. */
export interface Stack {
  readonly postgres: PostgresServer;
  /** Undefined in polling mode. */
  readonly kafka: KafkaServer | undefined;
  /** What carries jobs in Kafka's place. */
  readonly bus?: string;
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly children: readonly Child[];
  /** Stops all of it, last started first. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts with room for the logs; what was started is stopped when a later part fails. */
export async function bootStack(
  options: StackOptions,
  boot: (options: StackOptions, releasers: Releasers) => Promise<Stack>,
): Promise<Stack> {
  const releasers = new Releasers();
  try {
    await mkdir(join(options.directory, 'logs'), { recursive: true });
    return await boot(options, releasers);
  } catch (error) {
    await releasers.releaseAll();
    throw error;
  }
}

export interface ProcessStarter {
  readonly children: readonly Child[];
  /** Each as the process that a user could start by hand with the same command and environment. */
  start(name: string, command: readonly string[], env: Readonly<Record<string, string>>): Promise<Child>;
}

export function createProcessStarter(
  { directory, signal }: StackOptions,
  { releasers, env }: { releasers: Releasers; env: Readonly<Record<string, string>> },
): ProcessStarter {
  const children: Child[] = [];
  return {
    children,
    async start(name, command, extra) {
      const log = join(directory, 'logs', `${name}.log`);
      const child = await startChild(name, { command, env: { ...env, ...extra }, log });
      releasers.add(() => child.stop());
      children.push(child);
      signal.throwIfAborted();
      return child;
    },
  };
}
