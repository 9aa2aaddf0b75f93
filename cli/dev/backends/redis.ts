import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findServer } from './debian-packages.ts';
import { type LoopbackServer, type ServerTls, startLoopback } from './loopback-server.ts';

export interface RedisServerOptions {
  /** Of its files; made when absent, kept between starts. */
  readonly dir: string;
  /** Settings over those of a server that loses nothing it has acknowledged. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly tls?: ServerTls;
}

const PACKAGES = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1', 'libatomic1'];

/** A real Redis, on the loopback interface only. */
export async function startRedis({ dir, settings, tls }: RedisServerOptions): Promise<LoopbackServer> {
  const server = await findServer({ command: 'redis-server', packages: PACKAGES });
  await mkdir(dir, { recursive: true });
  const durable = { appendonly: 'yes', appendfsync: 'always', save: '' };
  return startLoopback({
    title: 'Redis',
    server,
    logPath: join(dir, 'redis.log'),
    args: (port) =>
      Object.entries({ bind: '127.0.0.1', ...portsOf(port, tls), dir, ...durable, ...settings }).flatMap(
        ([name, value]) => [`--${name}`, value],
      ),
    readyLine: /Ready to accept connections/,
  });
}

function portsOf(port: number, tls: ServerTls | undefined): Readonly<Record<string, string>> {
  if (!tls) return { port: String(port) };
  const files = { 'tls-cert-file': tls.certPath, 'tls-key-file': tls.keyPath };
  // It asks clients for certificates unless told otherwise.
  return { port: '0', 'tls-port': String(port), ...files, 'tls-auth-clients': 'no' };
}
