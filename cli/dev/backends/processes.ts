import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Polls until the condition holds; false when the deadline passed first. */
export async function within(
  milliseconds: number,
  condition: () => boolean | Promise<boolean>,
  everyMs = 20,
): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() >= deadline) return false;
    await delay(everyMs);
  }
  return true;
}

export interface CommandResult {
  /** Null when the command could not be started or was killed by a signal. */
  readonly code: number | null;
  /** Standard output and error, as they came. */
  readonly output: string;
}

export interface CommandOptions extends SpawnOptions {
  readonly onLine?: (line: string) => void;
}

/** Runs a command to its end. A command that does not exist is a result (code null), not an exception. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { onLine, ...spawnOptions } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...spawnOptions, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let unfinished = '';
    const take = (chunk: Buffer): void => {
      output += chunk;
      if (onLine === undefined) return;
      const lines = (unfinished + chunk).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.on('error', (error) => resolve({ code: null, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** A zombie counts as gone: it holds no file, port or lock. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there, but of another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  const stat = await processStat(pid);
  // A process whose first thread has ended shows as a zombie while its other threads still hold its files.
  return stat !== undefined && (stat.state !== 'Z' || stat.threads > 1);
}

/** The command line of a process, its arguments parted by spaces; empty when there is no such process. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return text.replaceAll('\0', ' ').trim();
  }
  const { code, output } = await runCommand('ps', ['-ww', '-o', 'args=', '-p', String(pid)]);
  return code === 0 ? output.trim() : '';
}

/** Tells a process from a later one that was given the same pid. */
export async function startMark(pid: number): Promise<string> {
  if (process.platform === 'linux') return (await processStat(pid))?.startTime ?? '';
  const { code, output } = await runCommand('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return code === 0 ? output.trim() : '';
}

interface ProcessStat {
  readonly state: string;
  readonly threads: number;
  readonly startTime: string;
}

async function processStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the command in parentheses and may hold spaces: count from the last parenthesis.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  if (state === undefined || startTime === undefined) return undefined;
  return { state, threads: Number(fields[17]), startTime };
}

/** True when the signal was delivered; false when the process is gone already. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** Sends each signal in turn, giving the process its time to end after it. True once it has ended. */
export async function endProcess(
  pid: number,
  steps: readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[],
): Promise<boolean> {
  for (const { signal, waitMs } of steps) {
    if (!sendSignal(pid, signal)) return true;
    if (await within(waitMs, async () => !(await isAlive(pid)))) return true;
  }
  return false;
}

/**
 * A child in a process group of its own, so that a Ctrl-C in the terminal reaches only us and we stop it in order. It does
 * not keep our event loop alive, and is signalled if we exit without having stopped it.
 */
export function spawnDetached(
  command: readonly [string, ...string[]],
  options: SpawnOptions & { readonly signalAtExit: NodeJS.Signals },
): ChildProcess {
  const { signalAtExit, ...spawnOptions } = options;
  const [file, ...args] = command;
  const child = spawn(file, args, { ...spawnOptions, detached: true });
  const atExit = (): void => {
    if (child.pid !== undefined) sendSignal(child.pid, signalAtExit);
  };
  process.on('exit', atExit);
  child.once('exit', () => process.off('exit', atExit));
  child.unref();
  return child;
}

/** The last lines of a log, for an error message. */
export async function logTail(path: string, lines = 15): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
