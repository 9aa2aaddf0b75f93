import { access, chown, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { MillraceError } from '../../../engine/errors.ts';
import type { ServerUser } from './os-user.ts';
import type { PostgresVersion } from './postgres-binaries.ts';
import { runCommand } from './processes.ts';
import { unfinishedPath } from './unfinished.ts';

/** A data directory, and what is needed to run it. */
export interface Cluster {
  readonly bin: string;
  readonly dataDir: string;
  readonly version: PostgresVersion;
  readonly user: ServerUser;
  readonly onProgress: (line: string) => void;
}

/** Makes the data directory unless it is there. Made aside and renamed: one cut short is never taken for a whole one. */
export async function createCluster(cluster: Cluster): Promise<void> {
  const { dataDir, user } = cluster;
  if (await exists(join(dataDir, 'PG_VERSION'))) return;
  cluster.onProgress(`creating a PostgreSQL ${cluster.version} cluster in ${dataDir}`);
  const unfinished = await unfinishedPath(dataDir);
  await mkdir(unfinished, { mode: 0o700 });
  await giveTo(user, unfinished);
  await initialize(cluster, unfinished);
  await moveInto(unfinished, dataDir);
}

/** An empty directory is replaced; one with other things in it is somebody's and stays. */
async function moveInto(unfinished: string, dataDir: string): Promise<void> {
  try {
    await rename(unfinished, dataDir);
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true });
    throw new MillraceError(
      'configuration',
      `${dataDir} cannot become a PostgreSQL data directory: it holds other files. Choose another directory, or empty it.`,
      { cause, detail: { dataDir } },
    );
  }
}

async function initialize(cluster: Cluster, target: string): Promise<void> {
  const secrets = await mkdtemp(join(tmpdir(), 'millrace-'));
  try {
    const passwordFile = join(secrets, 'password');
    await writeFile(passwordFile, 'postgres\n');
    await giveTo(cluster.user, secrets);
    await giveTo(cluster.user, passwordFile);
    const { command, options } = cluster.user.wrap([
      join(cluster.bin, 'initdb'),
      `--pgdata=${target}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      // Half the time of initdb; a machine that loses power meanwhile loses a directory with nothing in it.
      '--no-sync',
    ]);
    const [file, ...args] = command;
    const { code, output } = await runCommand(file, args, { ...options, env: serverEnvironment(), cwd: '/' });
    if (code === 0) return;
    throw new MillraceError(
      'database_unreachable',
      `initdb could not create ${target}: ${output.trim()}\nCheck that the disk has room and that the directory may be written.`,
    );
  } finally {
    await rm(secrets, { recursive: true, force: true });
  }
}

/** PG* variables of the user's shell would be taken for settings of this server. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

/** At each start, not at creation: a start cut short in between then heals itself. */
export async function ensureDatabase(adminDsn: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminDsn });
  await client.connect();
  try {
    const role = await client.query("select from pg_roles where rolname = 'workflow'");
    if (role.rowCount === 0) {
      await client.query("create role workflow login replication createdb password 'workflow'");
    }
    const database = await client.query("select from pg_database where datname = 'workflow'");
    if (database.rowCount === 0) await client.query('create database workflow owner workflow');
  } finally {
    await client.end();
  }
}

async function giveTo(user: ServerUser, path: string): Promise<void> {
  if (user.ids === undefined) return;
  await chown(path, user.ids.uid, user.ids.gid);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
