import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Starts a server from another process, kills that process with no chance to clean up, and returns the server's pids. */
export async function orphan(kind: 'postgres' | 'kafka', dir: string): Promise<number[]> {
  const parent = spawn(process.execPath, [join(import.meta.dirname, 'parent.ts'), kind, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(parent, 'exit');
  for await (const line of createInterface({ input: parent.stdout })) {
    if (!line.startsWith('started ')) continue;
    parent.kill('SIGKILL');
    await exited;
    return line.split(' ').slice(1).map(Number);
  }
  throw new Error('the parent ended without having started its server');
}
