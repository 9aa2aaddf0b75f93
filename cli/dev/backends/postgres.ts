import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { serverUser } from './os-user.ts';
import { claimDirectory } from './owner.ts';
import { freePort } from './ports.ts';
import { findBinaries, noBinaries, type PostgresVersion } from './postgres-binaries.ts';
import { type Cluster, createCluster, ensureDatabase } from './postgres-cluster.ts';
import { startPostgresContainer } from './postgres-container.ts';
import { launch, type Postmaster, stopLeftover } from './postgres-postmaster.ts';

export interface PostgresOptions {
  /** Made when absent, kept between starts. */
  readonly dataDir: string;
  readonly version?: PostgresVersion;
  /** A free one when absent. */
  readonly port?: number;
  /** Server settings, over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface PostgresServer {
  /** User, password and database are all `workflow`; the role owns its database, may replicate and create databases. */
  readonly dsn: string;
  /** The superuser `postgres`, whom no part of the system needs in production. */
  readonly adminDsn: string;
  readonly host: string;
  readonly port: number;
  /** Undefined when the server runs in a container. */
  readonly pid: number | undefined;
  readonly version: PostgresVersion;
  readonly dataDir: string;
  /** Resolves once no process is left. Safe to call twice. */
  stop(): Promise<void>;
  /** `fast` ends sessions and writes a checkpoint; `immediate` is a crash: the next start recovers from the log. */
  kill(mode: 'immediate' | 'fast'): Promise<void>;
}

/** A real PostgreSQL with logical decoding, on the loopback interface only. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const version = options.version ?? 18;
  const dataDir = resolve(options.dataDir);
  options.signal?.throwIfAborted();
  await mkdir(dirname(dataDir), { recursive: true });
  const bin = await findBinaries(version);
  if (bin === undefined) {
    const container = await startPostgresContainer({ ...options, version, dataDir });
    if (container === undefined) throw noBinaries(version);
    return container;
  }
  const claim = await claimDirectory(dataDir);
  try {
    const user = await serverUser([join(bin, 'postgres'), dataDir]);
    const cluster: Cluster = { bin, dataDir, version, user, onProgress: options.onProgress ?? ignore };
    await stopLeftover(cluster);
    await checkVersion(cluster);
    await createCluster(cluster);
    const server = await startCluster(cluster, options);
    return { ...server, stop: () => server.stop().then(claim.release) };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

async function startCluster(cluster: Cluster, options: PostgresOptions): Promise<PostgresServer> {
  const postmaster = await launchOnPort(cluster, options);
  const at = `127.0.0.1:${postmaster.port}`;
  const adminDsn = `postgres://postgres:postgres@${at}/postgres`;
  try {
    await ensureDatabase(adminDsn);
    options.signal?.throwIfAborted();
  } catch (error) {
    await postmaster.end('SIGQUIT');
    throw error;
  }
  return {
    dsn: `postgres://workflow:workflow@${at}/workflow`,
    adminDsn,
    host: '127.0.0.1',
    port: postmaster.port,
    pid: postmaster.pid,
    version: cluster.version,
    dataDir: cluster.dataDir,
    stop: () => postmaster.end('SIGINT'),
    kill: (mode) => postmaster.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT'),
  };
}

/** A port found free can be taken before the server binds it: then another one is tried. */
async function launchOnPort(cluster: Cluster, options: PostgresOptions): Promise<Postmaster> {
  const settings = options.settings ?? {};
  const isPortGiven = options.port !== undefined;
  for (let attemptsLeft = isPortGiven ? 0 : 3; ; attemptsLeft -= 1) {
    const port = options.port ?? (await freePort());
    const outcome = await launch(cluster, { port, settings, signal: options.signal });
    if (outcome.kind === 'started') return outcome.postmaster;
    if (outcome.kind === 'port_taken' && attemptsLeft > 0) continue;
    const advice =
      outcome.kind === 'port_taken'
        ? `Port ${port} is taken: stop what listens there, or choose another port.`
        : `The log is ${outcome.logPath}.`;
    throw new MillraceError(
      'database_unreachable',
      `PostgreSQL ${cluster.version} did not start on ${cluster.dataDir}. ${advice} Its last words:\n${outcome.tail}`,
      { detail: { dataDir: cluster.dataDir, port } },
    );
  }
}

async function checkVersion(cluster: Cluster): Promise<void> {
  const found = await readFile(join(cluster.dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (found === undefined || found.trim() === String(cluster.version)) return;
  throw new MillraceError(
    'configuration',
    `${cluster.dataDir} was made by PostgreSQL ${found.trim()} and cannot be opened by ${cluster.version}. ` +
      'Choose another directory, or delete this one to start empty.',
    { detail: { dataDir: cluster.dataDir } },
  );
}

function ignore(): void {
  // No one asked for progress.
}
