import { spawn } from 'node:child_process';
import { access, mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { MillraceError } from '../../../engine/errors.ts';
import { findServer, type ServerCommand } from './debian-packages.ts';
import { type LoopbackServer, type ServerTls, startLoopback } from './loopback-server.ts';

export interface MariadbServer extends LoopbackServer {
  /** Of its user without a password, and an empty database. */
  readonly url: string;
}

const PACKAGES = ['mariadb-server-core', 'libaio1', 'libnuma1', 'liburing2'];
const TABLES = ['mysql_system_tables', 'mysql_performance_tables', 'mysql_system_tables_data'];

/** A real MariaDB, on the loopback interface only. */
export async function startMariadb({
  dir,
  tls,
}: {
  readonly dir: string;
  readonly tls?: ServerTls;
}): Promise<MariadbServer> {
  const server = await findServer({ command: 'mariadbd', packages: PACKAGES });
  await mkdir(join(dir, 'tmp'), { recursive: true });
  const common = argumentsOf(server, dir);
  if (!(await exists(join(dir, 'data', 'millrace')))) await initialise(server, { dir, common });
  const loopback = await startLoopback({
    title: 'MariaDB',
    server,
    logPath: join(dir, 'mariadb.log'),
    args: (port) => [
      ...common,
      ...['--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(dir, 'mariadb.sock')}`],
      `--pid-file=${join(dir, 'mariadb.pid')}`,
      ...(tls ? [`--ssl-cert=${tls.certPath}`, `--ssl-key=${tls.keyPath}`] : []),
      ...(tls ? ['--require-secure-transport=on'] : []),
    ],
    readyLine: /ready for connections/,
  });
  return Object.defineProperties(
    { url: `mysql://root@127.0.0.1:${loopback.port}/millrace` },
    Object.getOwnPropertyDescriptors(loopback),
  ) as MariadbServer;
}

function argumentsOf({ path }: ServerCommand, dir: string): string[] {
  const basedir = resolve(dirname(path), '..');
  return [
    // Taken in the first place only.
    ...['--no-defaults', `--basedir=${basedir}`, `--datadir=${join(dir, 'data')}`],
    // A server that starts removes all temporary tables it finds, also those of one that uses them.
    `--tmpdir=${join(dir, 'tmp')}`,
    `--lc-messages-dir=${join(basedir, 'share', 'mysql')}`,
    '--innodb-buffer-pool-size=64M',
    // It refuses to run as root unless told to.
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ];
}

interface Place {
  readonly dir: string;
  readonly common: readonly string[];
}

/** What `mariadb-install-db` does, which is a script of another package. */
async function initialise(server: ServerCommand, { dir, common }: Place): Promise<void> {
  await mkdir(join(dir, 'data'), { recursive: true });
  const scripts = resolve(dirname(server.path), '..', 'share', 'mysql');
  const tables = await Promise.all(TABLES.map((name) => readFile(join(scripts, `${name}.sql`), 'utf8')));
  const statements = [
    ...['create database mysql;', 'use mysql;'],
    ...['set @auth_root_socket = null;', 'set @skip_auth_anonymous = 1;'],
    ...tables,
    'create database millrace;',
  ].join('\n');
  const child = spawn(server.path, [...common, '--bootstrap'], {
    env: { ...process.env, ...server.env },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const ended = new Promise<number | null>((done, failed) => child.once('error', failed).once('close', done));
  child.stdin.end(statements);
  if ((await ended) === 0) return;
  throw new MillraceError(
    'broker_unreachable',
    `MariaDB could not make its system tables; its last words:\n${output.split('\n').slice(-5).join('\n')}`,
  );
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
