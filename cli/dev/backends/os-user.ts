import type { SpawnOptions } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { runCommand } from './processes.ts';

const USER = 'postgres';

/** Who runs the server: ourselves, or another user when we are root, as which PostgreSQL refuses to run. */
export interface ServerUser {
  readonly ids?: { readonly uid: number; readonly gid: number };
  /** What to spawn, and with which options, to run a command as this user. */
  wrap(command: readonly [string, ...string[]]): {
    readonly command: readonly [string, ...string[]];
    readonly options: SpawnOptions;
  };
}

/** The user for a server that must reach these paths. */
export async function serverUser(paths: readonly string[]): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return { wrap: (command) => ({ command, options: {} }) };
  const ids = (await lookUp()) ?? (await create());
  const closed = await firstClosedParent(paths, ids);
  if (closed === undefined) return { ids, wrap: (command) => ({ command, options: ids }) };
  // A clone below /root or in a `mktemp -d` directory: the server's user may not even pass through it.
  const prefix = await passThrough(closed, ids);
  return { ids, wrap: (command) => ({ command: [...prefix, ...command], options: {} }) };
}

async function lookUp(): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all([runCommand('id', ['-u', USER]), runCommand('id', ['-g', USER])]);
  if (uid.code !== 0 || gid.code !== 0) return undefined;
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

async function create(): Promise<{ uid: number; gid: number }> {
  await runCommand('groupadd', [USER]);
  const added = await runCommand('useradd', ['-g', USER, '-M', '-s', '/bin/false', USER]);
  const ids = await lookUp();
  if (ids !== undefined) return ids;
  throw new MillraceError(
    'configuration',
    `PostgreSQL refuses to run as root, and the user "${USER}" to run it as could not be created (${added.output.trim()}). ` +
      `Create a user named ${USER}, or run this as a user other than root.`,
  );
}

async function firstClosedParent(
  paths: readonly string[],
  ids: { uid: number; gid: number },
): Promise<string | undefined> {
  for (const path of paths) {
    for (let dir = dirname(path); dir !== dirname(dir); dir = dirname(dir)) {
      const { mode, uid, gid } = await stat(dir);
      const execute = uid === ids.uid ? 0o100 : gid === ids.gid ? 0o010 : 0o001;
      if ((mode & execute) === 0) return dir;
    }
  }
  return undefined;
}

/** Lets the other user's process pass directory permissions, and nothing else of what root may. */
async function passThrough(
  closed: string,
  ids: { uid: number; gid: number },
): Promise<readonly [string, ...string[]]> {
  const prefix = [
    'setpriv',
    `--reuid=${ids.uid}`,
    `--regid=${ids.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ] as const;
  const tried = await runCommand(prefix[0], [...prefix.slice(1), 'true']);
  if (tried.code === 0) return prefix;
  throw new MillraceError(
    'configuration',
    `PostgreSQL must run as the user "${USER}", which may not enter ${closed}, and setpriv could not help (${tried.output.trim()}). ` +
      `Move the project to a directory all users may enter, or run this as a user other than root.`,
    { detail: { dir: closed } },
  );
}
