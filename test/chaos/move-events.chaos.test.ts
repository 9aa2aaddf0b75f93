import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventBusName } from '../../adapters/event-bus-config.ts';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { startNats } from '../../cli/dev/backends/nats.ts';
import type { EventBus } from '../../engine/ports/event-bus.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { describeKafka, kafkaBrokers } from '../helpers/kafka.ts';
import { openBusOn } from '../helpers/open-bus.ts';
import { describeWithServer } from '../helpers/own-server.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Gate } from './gate.ts';
import { checkHistory, type SeenValue, Written } from './history.ts';

const SUBJECT = 'orders.accepted';
const PUBLISHERS = 4;
const consumer = { stream: 'ORDERS', name: 'shipping' };
/** Deliveries that were not settled in time come again; on a clean move there is no reason for one. */
const DUPLICATES = 0;

await describeWithServer(
  'with NATS',
  (dir) => startNats({ dir }),
  (nats) => {
    describeKafka('moving the event bus of a service', () => {
      let database: TestDatabase;

      beforeAll(async () => {
        database = await createDatabase();
      });

      afterAll(() => database.drop());

      const openBus = (name: EventBusName) =>
        openBusOn(name, {
          postgres: { dsn: database.dsn, poolSize: 5 },
          natsUrl: nats().url,
          kafka: () =>
            readKafkaConfig({
              WE_KAFKA_TRANSPORT: 'plaintext',
              WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
            }),
          partitions: 3,
        });

      async function declared(name: EventBusName, cleanup: AsyncDisposableStack): Promise<EventBus> {
        const { bus, close } = await openBus(name);
        cleanup.defer(close);
        await bus.ensureStream({ name: consumer.stream, subjects: ['orders.>'] });
        await bus.ensureConsumer({ ...consumer, filterSubject: SUBJECT, ackWaitMs: 120_000 });
        return bus;
      }

      test.each([
        ['kafka', 'nats'],
        ['pgchannel', 'kafka'],
      ] as const)(
        'from %s to %s: each event is handled, those of a key in their order',
        {
          timeout: 180_000,
        },
        async (oldName, newName) => {
          await using cleanup = new AsyncDisposableStack();
          const from = await declared(oldName, cleanup);
          const to = await declared(newName, cleanup);
          const work = new Work();
          const old = work.consume(from);
          const load = work.publish(from);
          await waitFor(() => work.handled.length >= 100, { within: 60_000, what: 'the first events' });

          const open = work.gate.close();
          const { size } = work.published.committed;
          await waitFor(() => work.published.committed.size >= size + 40, {
            within: 60_000,
            what: 'a backlog',
          });
          // The publishers first: from now on nothing is added to the old side.
          await load.switchTo(to);
          await waitFor(async () => (await to.backlog(consumer)) >= 40, {
            within: 60_000,
            what: 'events there',
          });
          expect(await from.backlog(consumer)).toBeGreaterThanOrEqual(40);
          open();
          await waitFor(async () => (await from.backlog(consumer)) === 0, {
            within: 60_000,
            what: 'the old side to be empty',
          });
          await old.stop();
          const behind = work.handled.length;
          const next = work.consume(to);
          await waitFor(() => work.handled.length >= behind + 100, {
            within: 60_000,
            what: 'events of the new',
          });
          await load.stop();
          await waitFor(async () => (await to.backlog(consumer)) === 0, { within: 60_000, what: 'the end' });
          await next.stop();

          expect(await from.backlog(consumer)).toBe(0);
          checkHistory(work.published, work.handled, { duplicates: DUPLICATES, left: 0 });
        },
      );
    });
  },
);

/** Publishers with a key each, and what was handled of theirs. */
class Work {
  readonly published = new Written();
  readonly handled: SeenValue[] = [];
  /** Before the handlers. */
  readonly gate = new Gate();

  consume(bus: EventBus) {
    const over = new AbortController();
    const ended = bus.subscribe(
      consumer,
      async ({ key, payload, ack }) => {
        await this.gate.passed();
        this.handled.push({ key, value: payload.toString() });
        await ack();
      },
      over.signal,
    );
    return {
      stop: () => {
        over.abort();
        return ended;
      },
    };
  }

  publish(first: EventBus) {
    let bus = first;
    let isOver = false;
    let round = Promise.resolve<unknown>(undefined);
    const publishOne = async (key: string, nth: number) => {
      const value = `${key}#${nth}`;
      await bus.publish([{ subject: SUBJECT, key, payload: Buffer.from(value) }]);
      this.published.committed.add(value);
    };
    const running = (async () => {
      for (let nth = 0; !isOver; nth += 1) {
        round = Promise.all(
          Array.from({ length: PUBLISHERS }, (_, publisher) => publishOne(`key-${publisher}`, nth)),
        );
        await round;
      }
    })();
    return {
      /** Resolves once nothing is on its way to the old one. */
      switchTo: async (next: EventBus) => {
        bus = next;
        await round;
      },
      stop: async () => {
        isOver = true;
        await running;
      },
    };
  }
}
