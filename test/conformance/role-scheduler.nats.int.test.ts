import { describe, it } from 'vitest';
import { openNats } from '../../adapters/nats/connection.ts';
import { ensureOwnStreams, ROLES_STREAM } from '../../adapters/nats/own-streams.ts';
import { NatsRoleScheduler } from '../../adapters/nats/role-scheduler.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { startNats } from '../../cli/dev/backends/nats.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { roleSchedulerSuite } from '../../sdk/testing/conformance/role-scheduler.suite.ts';
import { describeWithServer } from '../helpers/own-server.ts';

await describeWithServer(
  'NATS',
  (dir) => startNats({ dir }),
  (server) => {
    roleSchedulerSuite('NATS JetStream', {
      describe,
      it,
      open: async () => {
        const config = { servers: [server().url], login: { kind: 'none' }, replicas: 1 } as const;
        const nats = await openNats(config, 'test');
        await ensureOwnStreams(nats, 2_000);
        const options = { nats: async () => nats, clock: systemClock, logger: silentLogger, intervalMs: 50 };
        return {
          schedulers: [new NatsRoleScheduler(options), new NatsRoleScheduler(options)],
          within: 20_000,
          lose: async (role) => {
            const filter = `${ROLES_STREAM}.${Buffer.from(role).toString('base64url')}`;
            await nats.manager.streams.purge(ROLES_STREAM, { filter });
          },
          [Symbol.asyncDispose]: () => nats.connection.close(),
        };
      },
    });
  },
);
