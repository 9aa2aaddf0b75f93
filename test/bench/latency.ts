import pg from 'pg';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { KafkaLogReader } from '../../adapters/kafka/log-reader.ts';
import type { JobId, Topic } from '../../events/ids.ts';
import { encodePack } from '../../events/pack.ts';
import { jobTopic } from '../../events/topics.ts';
import { BENCH_TYPE, type BenchStack } from './environment.ts';
import { startRelay } from './relay-drain.ts';
import { type Percentiles, percentilesOf } from './statistics.ts';
import { pace, stampedNow, stampOf } from './steady-load.ts';

/** A way from here to a topic. */
export interface LatencySubject {
  readonly topic: Topic;
  readonly start: () => Promise<LatencyRun>;
}

export interface LatencyRun {
  /** Sends one message with this value. */
  send(value: Buffer): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** So many that a row is not kept waiting for the commit of another. */
const CONNECTIONS = 32;

/** A way through a relay: its rows, each in a transaction of its own. */
export function throughOutbox(
  { postgres }: BenchStack,
  start: () => Promise<{ stop(): Promise<unknown> }>,
  insertion: (value: Buffer) => pg.QueryConfig,
): LatencySubject['start'] {
  return async () => {
    const pool = new pg.Pool({ connectionString: postgres.dsn, max: CONNECTIONS });
    const relay = await start();
    return {
      send: (value) => pool.query(insertion(value)),
      stop: async () => {
        await relay.stop();
        await pool.end();
      },
    };
  };
}

const WARM_UP_MS = 5_000;
/** A virtual machine starts within this. */
const FIRST_WITHIN_MS = 60_000;
const LAST_WITHIN_MS = 30_000;
const JOB = '00112233-4455-6677-8899-aabbccddeeff' as JobId;

export function ourLatency(stack: BenchStack): LatencySubject {
  const topic = jobTopic(BENCH_TYPE);
  const insertion = (value: Buffer) => ({
    name: 'latency-insert',
    text: 'insert into dispatch_outbox (topic, message_count, messages) values ($1, 1, $2)',
    values: [topic, encodePack([{ jobId: JOB, key: anyKey(), value, headers: [] }])],
  });
  return { topic, start: throughOutbox(stack, () => startRelay(stack), insertion) };
}

/** Straight to the broker, with nothing in between: what the instrument and Kafka take by themselves. */
export function floorLatency(stack: BenchStack): LatencySubject {
  const topic = jobTopic(BENCH_TYPE);
  return {
    topic,
    start: async () => {
      const streamer = createKafkaStreamer(readKafkaConfig(stack.env));
      const publisher = await streamer.publisher({ clientId: 'latency' });
      let waiting: Buffer[] = [];
      let sending: Promise<void> | undefined;
      // A publisher takes one call at a time; what comes meanwhile goes with the next.
      const sendAll = async (): Promise<void> => {
        while (waiting.length > 0) {
          const values = waiting;
          waiting = [];
          await publisher.publish(values.map((value) => ({ topic, key: anyKey(), value, headers: [] })));
        }
        sending = undefined;
      };
      return {
        send: (value) => {
          waiting.push(value);
          sending ??= sendAll();
          return sending;
        },
        stop: () => publisher.close(),
      };
    },
  };
}

export function anyKey(): Buffer {
  return Buffer.from(`key-${Math.floor(Math.random() * 1_000)}`);
}

/**
 * From before a message is sent to its arrival at a consumer, at a steady rate. One
 * process does both, so that one clock tells; what it needs for that itself is part of the figure.
 */
export async function measureLatency(
  stack: BenchStack,
  { topic, start }: LatencySubject,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<Percentiles> {
  await stack.pool.query('truncate dispatch_outbox');
  const run = await start();
  const send = () => run.send(stampedNow());
  const latencies: number[] = [];
  const consumer = consume(stack, topic, (sentAt) => latencies.push(performance.now() - sentAt));
  try {
    let sent = await pace({ rate: 20, ms: WARM_UP_MS }, send);
    await waitUntil(() => latencies.length >= sent, FIRST_WITHIN_MS);
    sent += await pace({ rate, ms: WARM_UP_MS }, send);
    await waitUntil(() => latencies.length >= sent, LAST_WITHIN_MS);
    latencies.length = 0;
    sent = await pace({ rate, ms: seconds * 1000 }, send);
    await waitUntil(() => latencies.length >= sent, LAST_WITHIN_MS);
    return percentilesOf(latencies);
  } finally {
    await consumer.stop();
    await run.stop();
  }
}

/**
 * Reads the topic with a fetch under way at any time, and without a group: a client that fetches again only when all of the last
 * answer is handled and committed says more of itself than of the relay.
 */
function consume(stack: BenchStack, topic: Topic, onRecord: (sentAt: number) => void) {
  const from = performance.now();
  const reader = new KafkaLogReader({ config: readKafkaConfig(stack.env), topic, behind: new Map() });
  const stopping = new AbortController();
  const reading = (async () => {
    while (!stopping.signal.aborted) {
      for (const { messages } of await reader.next(stopping.signal)) {
        for (const { payload } of messages) {
          const sentAt = stampOf(payload);
          // What earlier rounds have left in the topic is older.
          if (sentAt >= from) onRecord(sentAt);
        }
      }
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await reading;
      await reader.close();
    },
  };
}

async function waitUntil(condition: () => boolean, within: number): Promise<void> {
  const deadline = performance.now() + within;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('records that were inserted have not been received');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
