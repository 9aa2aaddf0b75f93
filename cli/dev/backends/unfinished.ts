import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAlive } from './processes.ts';

/**
 * Where to make a directory before it is renamed to its name: one cut short is then never taken for a whole one. Our own
 * pid is in it, because a command whose parent was killed may go on writing for a moment. Removes what killed processes left.
 */
export async function unfinishedPath(target: string): Promise<string> {
  const prefix = `${basename(target)}.unfinished-`;
  for (const name of await readdir(dirname(target)).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length));
    if (pid !== process.pid && (await isAlive(pid))) continue;
    await rm(join(dirname(target), name), { recursive: true, force: true, maxRetries: 5 });
  }
  return join(dirname(target), `${prefix}${process.pid}`);
}
