import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readKafkaConfig } from '../../../adapters/kafka/config.ts';
import type { OpenBus } from '../../../adapters/open-event-bus.ts';
import { type NatsServer, startNats } from '../../../cli/dev/backends/nats.ts';
import type { ConsumerRef, EventBus } from '../../../engine/ports/event-bus.ts';
import { openBusOn } from '../../helpers/open-bus.ts';
import type { BenchStack } from '../environment.ts';

export const PROVIDERS = ['pgchannel', 'nats', 'kafka'] as const;
export type Provider = (typeof PROVIDERS)[number];

export interface BusStack extends AsyncDisposable {
  readonly stack: BenchStack;
  readonly nats: NatsServer;
}

/** NATS beside what every bench has, in a directory that is removed at the end. */
export async function startBusStack(stack: BenchStack): Promise<BusStack> {
  const dir = await mkdtemp(join(import.meta.dirname, '..', '..', '..', '.millrace', 'bench-nats-'));
  const nats = await startNats({ dir });
  return {
    stack,
    nats,
    [Symbol.asyncDispose]: async () => {
      await nats.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const PARTITIONS = 6;
let streams = 0;

/** A stream of its own, with a client for those who publish and one for those who consume. */
export interface BusUnderBench extends AsyncDisposable {
  readonly publishing: EventBus;
  readonly consuming: EventBus;
  readonly stream: string;
  readonly subject: string;
  consumer(name: string): Promise<ConsumerRef>;
}

export async function openBus(on: BusStack, provider: Provider): Promise<BusUnderBench> {
  await using opened = new AsyncDisposableStack();
  const client = async () => {
    const { bus, close } = await open(on, provider);
    opened.defer(close);
    return bus;
  };
  const [publishing, consuming] = [await client(), await client()];
  streams += 1;
  const stream = `bench-${process.pid}-${streams}`;
  await publishing.ensureStream({ name: stream, subjects: [`${stream}.>`] });
  const held = opened.move();
  return {
    ...{ publishing, consuming, stream, subject: `${stream}.made` },
    consumer: async (name) => {
      await consuming.ensureConsumer({ stream, name, maxPending: 5_000 });
      return { stream, name };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function open({ stack, nats }: BusStack, provider: Provider): Promise<OpenBus> {
  return openBusOn(provider, {
    postgres: { dsn: stack.postgres.dsn, poolSize: 16 },
    natsUrl: nats.url,
    kafka: () => readKafkaConfig(stack.env),
    partitions: PARTITIONS,
  });
}
