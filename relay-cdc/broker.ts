import type { Environment } from '../adapters/env.ts';
import { type EventBusName, readEventBus } from '../adapters/event-bus-config.ts';
import { type KafkaConfig, readKafkaConfig } from '../adapters/kafka/config.ts';
import { openLagReader } from '../adapters/kafka/consumer-lag.ts';
import { createKafkaStreamer } from '../adapters/kafka/event-streamer.ts';
import { createTailReader } from '../adapters/kafka/log-tail.ts';
import { probeKafka } from '../adapters/kafka/probe.ts';
import { checkTopics } from '../adapters/kafka/topics.ts';
import { checkWriteAccess } from '../adapters/kafka/write-access.ts';
import { openEventBus } from '../adapters/open-event-bus.ts';
import type { PostgresConfig } from '../adapters/postgres/config.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { createBusStreamer } from '../engine/bus-streamer.ts';
import { DISPATCH_STREAM, ensureDispatchStream } from '../engine/dispatch-stream.ts';
import { MillraceError } from '../engine/errors.ts';
import type { LagReader } from '../engine/ports/consumer-lag.ts';
import type { EventStreamer, ReadTail } from '../engine/ports/event-streamer.ts';
import type { LogFields, Logger } from '../engine/ports/logger.ts';
import { isSubject } from '../engine/subjects.ts';
import type { Topic } from '../events/ids.ts';

/** What the relay publishes to, with what it checks of it before. */
export interface Broker {
  readonly streamer: EventStreamer;
  /** For the log: how and where it is reached. */
  readonly described: LogFields;
  /** Reaches it, and says so. */
  greet(say: (line: string) => void): Promise<void>;
  /** @throws MillraceError when one cannot be published to */
  check(topics: readonly Topic[]): Promise<void>;
  /** Kafka's alone: after a crash on a bus the un-acked window is repeated, and claims refuse the second copy. */
  readonly readTail?: ReadTail;
  readonly openLagReader?: () => Promise<LagReader>;
  close(): Promise<void>;
}

/** The one that `WE_EVENT_BUS` names. */
export async function openBroker(
  env: Environment,
  postgres: PostgresConfig,
  logger: Logger,
): Promise<Broker> {
  const name = readEventBus(env);
  return name === 'kafka'
    ? kafkaBroker(readKafkaConfig(env), logger)
    : await busBroker(name, env, { postgres, logger });
}

export function kafkaBroker(kafka: KafkaConfig, logger: Logger): Broker {
  return {
    streamer: createKafkaStreamer(kafka, logger),
    described: { transport: kafka.transport, seed_brokers: placeOf(kafka) },
    greet: (say) => greetKafka(kafka, say),
    check: async (topics) => {
      await checkTopics(kafka, topics);
      await checkWriteAccess(kafka, topics);
    },
    readTail: createTailReader(kafka),
    openLagReader: () => openLagReader(kafka),
    close: async () => undefined,
  };
}

async function greetKafka(kafka: KafkaConfig, say: (line: string) => void): Promise<void> {
  const { transport, scram } = kafka;
  say(
    scram
      ? `kafka transport=${transport} mechanism=${scram.mechanism}`
      : `kafka transport=${transport} brokers=${placeOf(kafka)}`,
  );
  const user = scram?.username ?? 'the IAM role';
  await probeKafka(kafka, (stage) => {
    if (stage === 'tls') say('TLS handshake ok');
    if (stage === 'sasl') say(`SASL auth ok as user=${user}`);
  });
}

function placeOf({ source }: KafkaConfig): string {
  return source.kind === 'seeds' ? `[${source.brokers.join(',')}]` : source.arn;
}

/** Publishing, telling, declaring. */
const CONNECTIONS = 3;

async function busBroker(
  name: Exclude<EventBusName, 'kafka'>,
  env: Environment,
  { postgres, logger }: { readonly postgres: PostgresConfig; readonly logger: Logger },
): Promise<Broker> {
  const { bus, close } = await openEventBus(name, {
    env,
    postgres: () => ({ ...postgres, poolSize: CONNECTIONS }),
    process: 'relay',
    clock: systemClock,
    logger,
  });
  return {
    streamer: createBusStreamer({ bus, clock: systemClock, stream: DISPATCH_STREAM }),
    described: { transport: name },
    greet: async (say) => {
      await ensureDispatchStream(bus);
      say(`event bus=${name} stream=${DISPATCH_STREAM}`);
    },
    check: async (topics) => checkSubjects(topics),
    close,
  };
}

function checkSubjects(topics: readonly Topic[]): void {
  const impossible = topics.filter((topic) => !isSubject(topic));
  if (impossible.length === 0) return;
  throw new MillraceError(
    'configuration',
    `The event bus cannot carry ${impossible.join(', ')}: between the dots of a step id there must be something. Rename ` +
      'the step, or dispatch through Kafka (WE_EVENT_BUS=kafka).',
  );
}
