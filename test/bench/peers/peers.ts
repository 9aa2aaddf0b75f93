import { Kafka, logLevel } from 'kafkajs';
import { jobTopic } from '../../../events/topics.ts';
import { BENCH_TYPE, type BenchStack } from '../environment.ts';
import { drainWithPgRecvlogical, prepareBacklog, startRelay } from '../relay-drain.ts';
import { median, spread } from '../statistics.ts';
import { DEBEZIUM_TOPIC, DEBEZIUM_VERSION, startDebezium } from './debezium.ts';
import { type PeerDrain, watchDrain } from './drain.ts';
import { createPeerOutboxes, fillPeerOutbox } from './peer-outbox.ts';
import {
  fillTransactionalOutbox,
  startTransactionalOutbox,
  TRANSACTIONAL_OUTBOX_TOPIC,
} from './transactional-outbox.ts';

const VALUE_BYTES = 300;
const PARTITIONS = 3;
/** It does some hundreds a second: more would only take longer. */
const MESSAGES_FOR_TRANSACTIONAL_OUTBOX = 5_000;

export interface PeerOptions {
  readonly rounds: number;
  readonly messages: number;
  readonly perTransaction: number;
  readonly progress: (line: string) => void;
}

export interface PeerRow {
  readonly name: string;
  readonly drains: readonly PeerDrain[];
}

export interface PeerResults {
  readonly rows: readonly PeerRow[];
  /** `pg_recvlogical` reading our outbox rows to nowhere, rows/s. */
  readonly limits: readonly number[];
}

/** Every relay drains the same backlog through the same PostgreSQL and Kafka, one after another, in turn each round. */
export async function benchPeers(stack: BenchStack, options: PeerOptions): Promise<PeerResults> {
  const { rounds, messages, perTransaction, progress } = options;
  await createPeerOutboxes(stack);
  await createPeerTopics(stack);
  const contestants = contestantsOf(stack, { messages, perTransaction });
  const drains = new Map<string, PeerDrain[]>();
  const limits: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, topic, count, fill, start } of contestants) {
      progress(`peers, round ${round} of ${rounds}: ${name}, ${count.toLocaleString('en')} messages`);
      await fill();
      if (name === OURS) limits.push((await drainWithPgRecvlogical(stack, messages)) ?? Number.NaN);
      const drain = await watchDrain({ brokers: stack.kafka.brokers, topic, messages: count, start });
      drains.set(name, [...(drains.get(name) ?? []), drain]);
    }
  }
  return { rows: contestants.map(({ name }) => ({ name, drains: drains.get(name) ?? [] })), limits };
}

const OURS = 'Millrace relay, with write-back';

interface Contestant {
  readonly name: string;
  readonly topic: string;
  readonly count: number;
  readonly fill: () => Promise<void>;
  readonly start: Parameters<typeof watchDrain>[0]['start'];
}

function contestantsOf(
  stack: BenchStack,
  { messages, perTransaction }: { messages: number; perTransaction: number },
): readonly Contestant[] {
  const shape = { messages, perTransaction, valueBytes: VALUE_BYTES };
  const few = { ...shape, messages: Math.min(messages, MESSAGES_FOR_TRANSACTIONAL_OUTBOX) };
  return [
    {
      name: OURS,
      topic: jobTopic(BENCH_TYPE),
      count: messages,
      fill: () => prepareBacklog(stack, { messages, perTransaction, perRow: 1 }),
      start: () => startRelay(stack),
    },
    ...[false, true].map((tuned) => ({
      name: `Debezium ${DEBEZIUM_VERSION}, ${tuned ? 'tuned' : 'defaults'}`,
      topic: DEBEZIUM_TOPIC,
      count: messages,
      fill: () => fillPeerOutbox(stack, shape),
      start: () => startDebezium(stack, { tuned }),
    })),
    ...[false, true].map((tuned) => ({
      name: `pg-transactional-outbox, ${tuned ? 'without its guards' : 'defaults'}`,
      topic: TRANSACTIONAL_OUTBOX_TOPIC,
      count: few.messages,
      fill: () => fillTransactionalOutbox(stack, few),
      start: () => startTransactionalOutbox(stack, { tuned }),
    })),
  ];
}

export async function createPeerTopics(stack: BenchStack): Promise<void> {
  const topics = [DEBEZIUM_TOPIC, TRANSACTIONAL_OUTBOX_TOPIC];
  const admin = new Kafka({
    clientId: 'bench',
    brokers: [...stack.kafka.brokers],
    logLevel: logLevel.NOTHING,
  }).admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS })),
  });
  await admin.disconnect();
}

/** The table of BENCHMARKS.md; the last column says how many times as fast ours is, steady against steady. */
export function peerTable({ rows, limits }: PeerResults): readonly (readonly string[])[] {
  const ours = median(rows[0]?.drains.map(({ steadyPerSecond }) => steadyPerSecond) ?? []);
  const of = (drains: readonly PeerDrain[], pick: (drain: PeerDrain) => number, digits = 0) =>
    spread(drains.map(pick), digits);
  return [
    ['', 'first to last, rows/s', 'steady, rows/s', 'CPU, µs a row', 'peak RSS, MB', 'ours ÷ it (steady)'],
    ...rows.map(({ name, drains }) => [
      name,
      of(drains, ({ perSecond }) => perSecond),
      of(drains, ({ steadyPerSecond }) => steadyPerSecond),
      of(drains, ({ cpuUs }) => cpuUs, 1),
      of(drains, ({ peakRssMb }) => peakRssMb),
      (ours / median(drains.map(({ steadyPerSecond }) => steadyPerSecond))).toFixed(1),
    ]),
    ['limit: pg_recvlogical to nowhere', spread(limits), '', '', '', (ours / median(limits)).toFixed(2)],
  ];
}
