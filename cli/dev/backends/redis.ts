import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findServer } from './debian-packages.ts';
import { type LoopbackServer, startLoopback } from './loopback-server.ts';

export interface RedisServerOptions {
  /** Of its files; made when absent, kept between starts. */
  readonly dir: string;
  /** Settings over those of a server that loses nothing it has acknowledged. */
  readonly settings?: Readonly<Record<string, string>>;
}

const PACKAGES = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1', 'libatomic1'];

/** A real Redis, on the loopback interface only. */
export async function startRedis({ dir, settings }: RedisServerOptions): Promise<LoopbackServer> {
  const server = await findServer({ command: 'redis-server', packages: PACKAGES });
  await mkdir(dir, { recursive: true });
  const durable = { appendonly: 'yes', appendfsync: 'always', save: '' };
  return startLoopback({
    title: 'Redis',
    server,
    logPath: join(dir, 'redis.log'),
    args: (port) =>
      Object.entries({ bind: '127.0.0.1', port: String(port), dir, ...durable, ...settings }).flatMap(
        ([name, value]) => [`--${name}`, value],
      ),
    readyLine: /Ready to accept connections/,
  });
}
