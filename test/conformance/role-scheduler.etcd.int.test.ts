import { Etcd3 } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { EtcdRoleScheduler } from '../../adapters/etcd/role-scheduler.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { startEtcd } from '../../cli/dev/backends/etcd.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { roleSchedulerSuite } from '../../sdk/testing/conformance/role-scheduler.suite.ts';
import { describeWithServer } from '../helpers/own-server.ts';

await describeWithServer(
  'etcd',
  (dir) => startEtcd({ dir }),
  (server) => {
    const open = () => new Etcd3({ hosts: `http://127.0.0.1:${server().port}` });
    const scheduler = (client: Etcd3) =>
      new EtcdRoleScheduler({
        client,
        clock: systemClock,
        logger: silentLogger,
        ttlSeconds: 3,
        intervalMs: 50,
      });

    roleSchedulerSuite('etcd', {
      describe,
      it,
      open: async () => {
        const client = open();
        return {
          schedulers: [scheduler(client), scheduler(client)],
          within: 20_000,
          lose: async (role) => {
            await client.delete().key(`millrace/roles/${role}`);
          },
          [Symbol.asyncDispose]: async () => client.close(),
        };
      },
    });

    it('is lost when its holder cannot reach etcd, and goes to another when that has gone by', async () => {
      const [dying, client] = [open(), open()];
      const lease = await scheduler(dying).acquire('cut-off', AbortSignal.timeout(20_000));
      const lost = new Promise((resolve) => lease?.signal.addEventListener('abort', resolve));
      dying.close();
      await lost;
      const next = await scheduler(client).acquire('cut-off', AbortSignal.timeout(20_000));
      expect(next?.term).toBeGreaterThan(lease?.term ?? 0n);
      await next?.release();
      client.close();
    });
  },
);
