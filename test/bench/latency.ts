import { Kafka, logLevel } from 'kafkajs';
import type pg from 'pg';
import type { JobId } from '../../events/ids.ts';
import { encodePack } from '../../events/pack.ts';
import { jobTopic } from '../../events/topics.ts';
import { BENCH_TYPE, type BenchStack } from './environment.ts';
import { startRelay } from './relay-drain.ts';
import { percentile } from './statistics.ts';

export interface LatencyResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly received: number;
}

/** A relay, and how a row for it is written. */
export interface LatencySubject {
  readonly topic: string;
  readonly start: () => Promise<{ stop(): Promise<unknown> }>;
  /** Of one row that carries the value, in a transaction of its own. */
  readonly insertion: (value: Buffer) => pg.QueryConfig;
}

const VALUE_BYTES = 300;
const WARM_UP_MS = 5_000;
/** A virtual machine starts within this. */
const FIRST_WITHIN_MS = 60_000;
const LAST_WITHIN_MS = 30_000;
const JOB = '00112233-4455-6677-8899-aabbccddeeff' as JobId;

export function ourLatency(stack: BenchStack): LatencySubject {
  const topic = jobTopic(BENCH_TYPE);
  return {
    topic,
    start: () => startRelay(stack),
    insertion: (value) => {
      const key = Buffer.from(`key-${Math.floor(Math.random() * 1_000)}`);
      return {
        name: 'latency-insert',
        text: 'insert into dispatch_outbox (topic, message_count, messages) values ($1, 1, $2)',
        values: [topic, encodePack([{ jobId: JOB, key, value, headers: [] }])],
      };
    },
  };
}

/**
 * From before a row's insert is sent to its record's arrival at a consumer, at a steady rate of one-row transactions. One
 * process does both, so that one clock tells; what it needs for that itself is part of the figure.
 */
export async function measureLatency(
  stack: BenchStack,
  { topic, start, insertion }: LatencySubject,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<LatencyResult> {
  await stack.pool.query('truncate dispatch_outbox');
  const relay = await start();
  const latencies: number[] = [];
  const consumer = await consume(stack, topic, (sentAt) => latencies.push(performance.now() - sentAt));
  try {
    let sent = await pace(stack, insertion, { rate: 20, ms: WARM_UP_MS });
    await waitUntil(() => latencies.length >= sent, FIRST_WITHIN_MS);
    sent += await pace(stack, insertion, { rate, ms: WARM_UP_MS });
    await waitUntil(() => latencies.length >= sent, LAST_WITHIN_MS);
    latencies.length = 0;
    sent = await pace(stack, insertion, { rate, ms: seconds * 1000 });
    await waitUntil(() => latencies.length >= sent, LAST_WITHIN_MS);
    const sorted = latencies.toSorted((a, b) => a - b);
    return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), received: sorted.length };
  } finally {
    await consumer.disconnect();
    await relay.stop();
  }
}

async function consume(stack: BenchStack, topic: string, onRecord: (sentAt: number) => void) {
  const kafka = new Kafka({ brokers: [...stack.kafka.brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `latency-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: false });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({
    eachMessage: async ({ message }) => onRecord(Number(message.value?.toString('latin1', 0, 20))),
  });
  await joined;
  return consumer;
}

/** @returns how many rows were inserted */
async function pace(
  { pool }: BenchStack,
  insertion: LatencySubject['insertion'],
  { rate, ms }: { rate: number; ms: number },
): Promise<number> {
  const inserts: Promise<unknown>[] = [];
  const startedAt = performance.now();
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startedAt) {
    while (inserts.length < (elapsed / 1000) * rate) inserts.push(pool.query(insertion(stampedNow())));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(inserts);
  return inserts.length;
}

function stampedNow(): Buffer {
  const value = Buffer.alloc(VALUE_BYTES, ' ');
  value.write(String(performance.now()).slice(0, 20));
  return value;
}

async function waitUntil(condition: () => boolean, within: number): Promise<void> {
  const deadline = performance.now() + within;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('records that were inserted have not been received');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
