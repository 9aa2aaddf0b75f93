import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findServer } from './debian-packages.ts';
import { type LoopbackServer, type ServerTls, startLoopback } from './loopback-server.ts';
import { freePort } from './ports.ts';

/** A real etcd of one member, on the loopback interface only. */
export async function startEtcd({
  dir,
  tls,
}: {
  readonly dir: string;
  readonly tls?: ServerTls;
}): Promise<LoopbackServer> {
  const server = await findServer({ command: 'etcd', packages: ['etcd-server'] });
  await mkdir(dir, { recursive: true });
  const peer = `http://127.0.0.1:${await freePort()}`;
  return startLoopback({
    title: 'etcd',
    server,
    logPath: join(dir, 'etcd.log'),
    args: (port) => {
      const client = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
      return [
        ...['--data-dir', join(dir, 'data'), '--name', 'one', '--logger', 'zap'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `one=${peer}`],
        ...(tls ? ['--cert-file', tls.certPath, '--key-file', tls.keyPath] : []),
      ];
    },
    readyLine: /ready to serve client requests|serving (insecure )?client (requests|traffic)/,
  });
}
