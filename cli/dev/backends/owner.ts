import { readFile, rm, writeFile } from 'node:fs/promises';
import { MillraceError } from '../../../engine/errors.ts';
import { isAlive, startMark } from './processes.ts';

/**
 * Records which process runs the server of a directory. A server whose owner lives belongs to somebody; a server whose
 * owner is gone was left over by a kill and may be stopped.
 */
export async function claimDirectory(dir: string): Promise<{ release(): Promise<void> }> {
  const path = `${dir}.owner`;
  const owner = await readOwner(path);
  if (owner !== undefined && owner.pid !== process.pid && (await isSameProcess(owner))) {
    throw new MillraceError(
      'configuration',
      `${dir} is in use by process ${owner.pid}. Stop that process first, or choose another directory.`,
      { detail: { dir, pid: owner.pid } },
    );
  }
  await writeFile(path, JSON.stringify({ pid: process.pid, mark: await startMark(process.pid) }));
  return { release: () => rm(path, { force: true }) };
}

interface Owner {
  readonly pid: number;
  readonly mark: string;
}

async function readOwner(path: string): Promise<Owner | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  // Half-written by a process that was killed: then it owns nothing.
  const match = /^\{"pid":(\d+),"mark":"([^"]*)"\}$/.exec(text);
  return match ? { pid: Number(match[1]), mark: match[2] ?? '' } : undefined;
}

async function isSameProcess(owner: Owner): Promise<boolean> {
  return (await isAlive(owner.pid)) && (await startMark(owner.pid)) === owner.mark;
}
