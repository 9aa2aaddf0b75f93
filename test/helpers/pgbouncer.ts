import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServer } from '../../cli/dev/backends/debian-packages.ts';
import { serverUser } from '../../cli/dev/backends/os-user.ts';
import { freePort } from '../../cli/dev/backends/ports.ts';
import { endProcess, logTail, spawnDetached, within } from '../../cli/dev/backends/processes.ts';

export interface PgBouncer extends AsyncDisposable {
  /** To the same database as before, through the pooler. */
  readonly dsn: string;
}

const PACKAGES = { command: 'pgbouncer', packages: ['pgbouncer', 'libevent-2.1-7', 'libc-ares2'] };

/** A real pooler in transaction mode before a server. */
export async function startPgBouncer(
  dsn: string,
  { clients, servers }: { readonly clients: number; readonly servers: number },
): Promise<PgBouncer> {
  const { path, env } = await findServer(PACKAGES);
  const directory = await mkdtemp(join(tmpdir(), 'millrace-pgbouncer-'));
  const { hostname, port: serverPort, username, password, pathname } = new URL(dsn);
  const port = await freePort();
  const ini = join(directory, 'pgbouncer.ini');
  await writeFile(
    ini,
    `[databases]
* = host=${hostname} port=${serverPort} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = ${clients}
default_pool_size = ${servers}
`,
  );
  // It refuses to run as root, as PostgreSQL does.
  const user = await serverUser([path, ini]);
  const { command, options } = user.wrap([path, ini]);
  const log = join(directory, 'log');
  const child = spawnDetached(command, {
    ...options,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signalAtExit: 'SIGKILL',
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk));
  const pid = child.pid ?? 0;
  const listens = await within(20_000, () => child.exitCode !== null || accepts(port));
  if (!listens || child.exitCode !== null) {
    throw new Error(`PgBouncer does not listen on ${port}:\n${said || (await logTail(log))}`);
  }
  const own = new URL(dsn);
  own.host = `127.0.0.1:${port}`;
  own.pathname = pathname;
  return {
    dsn: own.href,
    [Symbol.asyncDispose]: async () => {
      await endProcess(pid, [{ signal: 'SIGKILL', waitMs: 10_000 }]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
