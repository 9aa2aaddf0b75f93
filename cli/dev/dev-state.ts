import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Contents of `.millrace/dev.json`: there while `npm start` is ready, for scripts to read. */
export interface DevState {
  readonly apiUrl: string;
  readonly uiUrl: string;
  readonly metricsUrl: string;
  readonly postgresUrl: string;
  readonly kafkaBrokers: readonly string[];
  /** By name; `dev` is the process that holds the others together. */
  readonly pids: Readonly<Record<string, number>>;
}

export async function writeDevState(path: string, state: DevState): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Renamed into place, so that a reader never sees half of it.
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`);
  await rename(`${path}.new`, path);
}

export function removeDevState(path: string): Promise<void> {
  return rm(path, { force: true });
}

/** The pid of a dev runner that is alive and left this state, or undefined. */
export async function runningDev(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const pid = text === undefined ? undefined : pidOf(text);
  if (pid === undefined || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  // The number may have gone to another process since.
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'main.ts');
  return command.includes('main.ts') ? pid : undefined;
}

function pidOf(text: string): number | undefined {
  try {
    const state: unknown = JSON.parse(text);
    const pids = typeof state === 'object' && state !== null && 'pids' in state ? state.pids : undefined;
    const pid = typeof pids === 'object' && pids !== null && 'dev' in pids ? pids.dev : undefined;
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    return undefined;
  }
}
