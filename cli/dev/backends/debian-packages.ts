import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { runCommand } from './processes.ts';
import { unfinishedPath } from './unfinished.ts';

export interface ServerPackages {
  /** The command, looked for on the PATH before anything is fetched. */
  readonly command: string;
  /** Debian's packages: the server's own, and those of libraries that a small system may lack. */
  readonly packages: readonly string[];
}

/** A server's command, and the environment it needs. */
export interface ServerCommand {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

const ROOT = join(import.meta.dirname, '..', '..', '..', '.millrace', 'packages');
const FOLDERS = ['usr/sbin', 'usr/bin', 'bin', 'sbin'];

/**
 * The server that is installed, or else Debian's, unpacked into the clone: no root is needed, nothing is installed in the
 * system, and no service is started. Unpacked aside and renamed: one cut short is never taken for a whole one.
 */
export async function findServer(
  { command, packages }: ServerPackages,
  onProgress: (line: string) => void = () => undefined,
): Promise<ServerCommand> {
  const { code, output } = await runCommand('sh', ['-c', `PATH="$PATH:/usr/sbin" command -v ${command}`]);
  if (code === 0) return { path: output.trim(), env: {} };
  const dir = join(ROOT, packages.join('+'));
  if (!(await exists(dir))) await unpack(dir, packages, onProgress);
  for (const folder of FOLDERS) {
    const path = join(dir, folder, command);
    if (await exists(path)) return { path, env: { LD_LIBRARY_PATH: await libraryPath(dir) } };
  }
  throw new MillraceError(
    'configuration',
    `${packages.join(', ')} contain no ${command}. Install ${command}.`,
  );
}

async function unpack(
  dir: string,
  packages: readonly string[],
  onProgress: (line: string) => void,
): Promise<void> {
  await mkdir(ROOT, { recursive: true });
  const partial = await unfinishedPath(dir);
  await mkdir(partial, { recursive: true });
  try {
    onProgress(`fetching ${packages.join(', ')} from Debian, once`);
    await download(partial, packages);
    for (const name of await readdir(partial)) {
      if (name.endsWith('.deb')) await run('dpkg-deb', ['--extract', name, '.'], partial, packages);
    }
    // Another process may have been faster; what it has is as good.
    await rename(partial, dir).catch(async (error: unknown) => {
      if (!(await exists(dir))) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** The lists of packages may be absent, or so old that they name files which are gone. */
async function download(cwd: string, packages: readonly string[]): Promise<void> {
  const args = ['download', ...packages];
  if ((await runCommand('apt-get', args, { cwd })).code === 0) return;
  await runCommand('apt-get', ['update']);
  await run('apt-get', args, cwd, packages);
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  packages: readonly string[],
): Promise<void> {
  const { code, output } = await runCommand(command, args, { cwd });
  if (code === 0) return;
  const [first] = packages;
  throw new MillraceError(
    'configuration',
    `${first} is not installed and could not be fetched: ${output.trim().split('\n').at(-1)}. Install it: apt-get install ${first}`,
    { retryable: true },
  );
}

async function libraryPath(dir: string): Promise<string> {
  const folders = await readdir(join(dir, 'usr', 'lib'), { withFileTypes: true }).catch(() => []);
  const libraries = folders.filter((folder) => folder.isDirectory());
  return libraries.map(({ name }) => join(dir, 'usr', 'lib', name)).join(':');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
