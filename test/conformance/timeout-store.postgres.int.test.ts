import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresTimeoutStore } from '../../adapters/postgres/timeout-store.ts';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { timeoutStoreSuite } from '../../sdk/testing/conformance/timeout-store.suite.ts';

let dir: string;
let server: PostgresServer;

// Its own, for it is killed.
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-timeouts-'));
  server = await startPostgres({ dataDir: join(dir, 'data') });
  await migrate({ dsn: server.dsn });
});

afterAll(async () => {
  await server.stop();
  await rm(dir, { recursive: true, force: true });
});

timeoutStoreSuite('PostgreSQL', {
  describe,
  it,
  open: async () => {
    const pool = () => createPool({ dsn: server.dsn, poolSize: 3 }, silentLogger);
    const pools = [pool(), pool()] as const;
    return {
      stores: [createPostgresTimeoutStore(pools[0]), createPostgresTimeoutStore(pools[1])],
      restart: async () => {
        const { port, dataDir } = server;
        await server.kill('immediate');
        await server.stop();
        server = await startPostgres({ dataDir, port });
      },
      [Symbol.asyncDispose]: async () => {
        for (const one of pools) await one.end();
      },
    };
  },
});
