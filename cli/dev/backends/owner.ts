import { readFile, rm, writeFile } from 'node:fs/promises';
import { MillraceError } from '../../../engine/errors.ts';
import { isAlive, startMark } from './processes.ts';

/** What this very process holds: the file alone cannot tell a second start from the first. */
const held = new Set<string>();

/**
 * Records which process runs the server of a directory. A server whose owner lives belongs to somebody; a server whose
 * owner is gone was left over by a kill and may be stopped.
 */
export async function claimDirectory(dir: string): Promise<{ release(): Promise<void> }> {
  const path = `${dir}.owner`;
  if (held.has(dir)) throw inUse(dir, process.pid);
  const owner = await readOwner(path);
  if (owner !== undefined && owner.pid !== process.pid && (await isSameProcess(owner))) {
    throw inUse(dir, owner.pid);
  }
  held.add(dir);
  await writeFile(path, JSON.stringify({ pid: process.pid, mark: await startMark(process.pid) }));
  let isHeld = true;
  const release = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    held.delete(dir);
    await rm(path, { force: true });
  };
  return { release };
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

function inUse(dir: string, pid: number): MillraceError {
  const [holder, fix] =
    pid === process.pid
      ? ['this process', 'Stop the server that runs there first']
      : [`process ${pid}`, 'Stop that process first'];
  return new MillraceError(
    'configuration',
    `${dir} is in use by ${holder}. ${fix}, or choose another directory.`,
    {
      detail: { dir, pid },
    },
  );
}
