import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findServer } from './debian-packages.ts';
import { type LoopbackServer, type ServerTls, startLoopback } from './loopback-server.ts';

export interface NatsServer extends LoopbackServer {
  readonly url: string;
}

export interface NatsOptions {
  /** Of its files; made when absent, kept between starts. */
  readonly dir: string;
  readonly onProgress?: (line: string) => void;
  readonly tls?: ServerTls;
  /** The only one that is let in. */
  readonly login?: { readonly user: string; readonly password: string };
}

/** A real NATS with JetStream, on the loopback interface only. */
export async function startNats({ dir, onProgress, tls, login }: NatsOptions): Promise<NatsServer> {
  const server = await findServer({ command: 'nats-server', packages: ['nats-server'] }, onProgress);
  await mkdir(dir, { recursive: true });
  const loopback = await startLoopback({
    title: 'NATS',
    server,
    logPath: join(dir, 'nats.log'),
    args: (port) => [
      ...['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', dir],
      ...(tls ? ['--tls', '--tlscert', tls.certPath, '--tlskey', tls.keyPath] : []),
      ...(login ? ['--user', login.user, '--pass', login.password] : []),
    ],
    readyLine: /Server is ready/,
  });
  return Object.defineProperties(
    { url: `nats://127.0.0.1:${loopback.port}` },
    Object.getOwnPropertyDescriptors(loopback),
  ) as NatsServer;
}
