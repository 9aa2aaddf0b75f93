import { equal, ok } from 'node:assert/strict';
import { describe, it } from 'vitest';
import { NatsBus, type NatsBusOptions } from '../../adapters/nats/event-bus.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { startNats } from '../../cli/dev/backends/nats.ts';
import { isMillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import {
  Member,
  newConsumer,
  newStream,
  numbers,
  publishTexts,
} from '../../sdk/testing/conformance/event-bus.fixtures.ts';
import { type BusUnderTest, eventBusSuite } from '../../sdk/testing/conformance/event-bus.suite.ts';
import { describeWithServer } from '../helpers/own-server.ts';
import { waitFor } from '../helpers/wait-for.ts';

await describeWithServer(
  'NATS',
  (dir) => startNats({ dir }),
  (server) => {
    const open = async (): Promise<BusUnderTest & AsyncDisposable> => {
      const options: NatsBusOptions = {
        config: { servers: [server().url], login: { kind: 'none' }, replicas: 1 },
        clock: systemClock,
        logger: silentLogger,
        maxMessageBytes: 10_000,
        intervalMs: 50,
        roleMs: 2_000,
      };
      const buses = [new NatsBus(options), new NatsBus(options)] as const;
      return {
        buses,
        tooLarge: 16_000,
        within: 30_000,
        [Symbol.asyncDispose]: async () => {
          await Promise.all(buses.map((bus) => bus.close()));
        },
      };
    };

    eventBusSuite('NATS JetStream', { describe, it, open });

    it('goes on after the server was killed, with all that it had acknowledged', async () => {
      await using subject = await open();
      const [bus, other] = subject.buses;
      const stream = await newStream(subject);
      const ref = await newConsumer(subject, stream, { ackWaitMs: 500 });
      await using member = new Member(subject, bus, ref);
      await publishTexts(bus, `${stream}.a`, numbers(50));
      await member.until(({ texts }) => texts.length > 0, 'the first');
      await server().kill();
      await server().restart();
      await waitFor(
        () =>
          publishTexts(other, `${stream}.a`, ['after']).then(
            () => true,
            () => false,
          ),
        { within: 30_000, what: 'publishing after the restart' },
      );
      await member.until(({ texts }) => new Set(texts).size === 51, 'all, and the one after');
    });

    it('names the address and what to check when no server is there', async () => {
      const config = { servers: ['nats://127.0.0.1:1'], login: { kind: 'none' }, replicas: 1 } as const;
      const bus = new NatsBus({ config, clock: systemClock, logger: silentLogger });
      const error: unknown = await bus.publish([]).catch((thrown: unknown) => thrown);
      ok(isMillraceError(error));
      equal(error.code, 'broker_unreachable');
      ok(error.message.includes('127.0.0.1:1') && error.message.includes('WE_NATS_URL'));
    });
  },
);
