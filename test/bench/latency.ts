import { Kafka, logLevel } from 'kafkajs';
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

const VALUE_BYTES = 300;
const WARM_UP_MS = 2_000;
const LAST_WITHIN_MS = 10_000;
const JOB = '00112233-4455-6677-8899-aabbccddeeff' as JobId;

/**
 * From before a row's insert is sent to its record's arrival at a consumer, at a steady rate of one-row transactions. One
 * process does both, so that one clock tells; what it needs for that itself is part of the figure.
 */
export async function measureLatency(
  stack: BenchStack,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<LatencyResult> {
  await stack.pool.query('truncate dispatch_outbox');
  const relay = await startRelay(stack);
  const latencies: number[] = [];
  const consumer = await consume(stack, (sentAt) => latencies.push(performance.now() - sentAt));
  try {
    await pace(stack, { rate, ms: WARM_UP_MS });
    await waitUntil(() => latencies.length > 0);
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    latencies.length = 0;
    const sent = await pace(stack, { rate, ms: seconds * 1000 });
    await waitUntil(() => latencies.length >= sent);
    const sorted = latencies.toSorted((a, b) => a - b);
    return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99), received: sorted.length };
  } finally {
    await consumer.disconnect();
    await relay.stop();
  }
}

async function consume(stack: BenchStack, onRecord: (sentAt: number) => void) {
  const kafka = new Kafka({ brokers: [...stack.kafka.brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `latency-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: jobTopic(BENCH_TYPE), fromBeginning: false });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({
    eachMessage: async ({ message }) => onRecord(Number(message.value?.toString('latin1', 0, 20))),
  });
  await joined;
  return consumer;
}

/** @returns how many rows were inserted */
async function pace({ pool }: BenchStack, { rate, ms }: { rate: number; ms: number }): Promise<number> {
  const inserts: Promise<unknown>[] = [];
  const startedAt = performance.now();
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startedAt) {
    while (inserts.length < (elapsed / 1000) * rate) inserts.push(pool.query(insertion()));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(inserts);
  return inserts.length;
}

function insertion() {
  const key = Buffer.from(`key-${Math.floor(Math.random() * 1_000)}`);
  const value = Buffer.alloc(VALUE_BYTES, ' ');
  value.write(String(performance.now()).slice(0, 20));
  return {
    name: 'latency-insert',
    text: 'insert into dispatch_outbox (topic, message_count, messages) values ($1, 1, $2)',
    values: [jobTopic(BENCH_TYPE), encodePack([{ jobId: JOB, key, value, headers: [] }])],
  };
}

async function waitUntil(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + LAST_WITHIN_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('records that were inserted have not been received');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
