import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRedisTimeoutStore } from '../../adapters/redis/timeout-store.ts';
import { startRedis } from '../../cli/dev/backends/redis.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { timeoutStoreSuite } from '../../sdk/testing/conformance/timeout-store.suite.ts';
import { describeWithServer } from '../helpers/own-server.ts';

await describeWithServer(
  'Redis',
  (dir) => startRedis({ dir }),
  (server) => {
    const open = () =>
      openRedisTimeoutStore({ url: `redis://127.0.0.1:${server().port}/0`, logger: silentLogger });

    timeoutStoreSuite('Redis', {
      describe,
      it,
      open: async () => {
        const stores = [await open(), await open()] as const;
        return {
          stores,
          restart: async () => {
            await server().kill();
            await server().restart();
          },
          [Symbol.asyncDispose]: async () => {
            for (const store of stores) await store.close();
          },
        };
      },
    });

    it('names the address and not the password when nothing answers there', async () => {
      const url = 'redis://somebody:secret@127.0.0.1:1/0';
      const error: unknown = await openRedisTimeoutStore({ url, logger: silentLogger }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: 'unavailable', retryable: true });
      expect(String(error)).toContain('127.0.0.1:1');
      expect(String(error)).not.toContain('secret');
    });

    it('says what to do about a password that is refused', async () => {
      const url = `redis://nobody:wrong@127.0.0.1:${server().port}/0`;
      await expect(openRedisTimeoutStore({ url, logger: silentLogger })).rejects.toMatchObject({
        code: 'configuration',
        message: expect.stringContaining('user, password') as string,
      });
    });

    it.each([
      [{ appendonly: 'no' }, 'appendonly yes'],
      [{ 'maxmemory-policy': 'allkeys-lru' }, 'maxmemory-policy noeviction'],
    ])('refuses a server that would lose timeouts: %o', async (settings, advice) => {
      const dir = await mkdtemp(join(tmpdir(), 'millrace-redis-'));
      const forgetful = await startRedis({ dir, settings });
      try {
        const url = `redis://127.0.0.1:${forgetful.port}/0`;
        await expect(openRedisTimeoutStore({ url, logger: silentLogger })).rejects.toMatchObject({
          code: 'configuration',
          message: expect.stringContaining(advice) as string,
        });
      } finally {
        await forgetful.stop();
        await rm(dir, { recursive: true, force: true });
      }
    });
  },
);
