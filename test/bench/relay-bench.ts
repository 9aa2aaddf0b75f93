import type { BenchStack } from './environment.ts';
import {
  type DrainResult,
  drainWithPgRecvlogical,
  drainWithRelay,
  kafkaProducerTest,
  prepareBacklog,
} from './relay-drain.ts';
import { median, spread } from './statistics.ts';

export interface RelayBenchOptions {
  readonly rounds: number;
  readonly messages: number;
  /** Backlogs of rows of one message that are drained besides, to see that the cost of a row stays what it is. */
  readonly backlogs: readonly number[];
  readonly progress: (line: string) => void;
}

interface Shape {
  readonly name: string;
  readonly messages: number;
  readonly perTransaction: number;
  readonly perRow: number;
}

interface Measured {
  readonly limits: number[];
  readonly plain: DrainResult[];
  readonly cleared: DrainResult[];
}

/** The first line is the head. */
export type Table = readonly (readonly string[])[];

/** Drains of every shape, each without and with write-back, beside the limits on both sides of the relay. */
export async function benchRelay(stack: BenchStack, options: RelayBenchOptions): Promise<Table> {
  const shapes = shapesOf(options);
  const measured = new Map(
    shapes.map(({ name }) => [name, { limits: [], plain: [], cleared: [] } as Measured]),
  );
  const producer: number[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const shape of shapes) {
      const told = `relay, round ${round} of ${options.rounds}: ${shape.name}`;
      await measure(stack, shape, {
        into: measured.get(shape.name),
        say: (what) => options.progress(`${told}, ${what}`),
      });
    }
    options.progress(`relay, round ${round} of ${options.rounds}: Kafka's producer test`);
    producer.push((await kafkaProducerTest(stack, options.messages)) ?? Number.NaN);
  }
  return [
    HEAD,
    ...shapes.flatMap(({ name }) => rowsOf(name, measured.get(name))),
    ["Kafka's producer test", spread(producer), '', '', '', '', '', ''],
  ];
}

function shapesOf({ messages, backlogs }: RelayBenchOptions): Shape[] {
  const single = { perTransaction: 1_000, perRow: 1 };
  return [
    { name: 'rows of 1, 1,000 rows a transaction', messages, ...single },
    {
      name: 'rows of 1, 1 row a transaction',
      messages: Math.ceil(messages / 5),
      perTransaction: 1,
      perRow: 1,
    },
    { name: 'packs of 6', messages: floorTo(messages, 600), perTransaction: 600, perRow: 6 },
    { name: 'packs of 20', messages: floorTo(2 * messages, 2_000), perTransaction: 2_000, perRow: 20 },
    { name: 'packs of 100', messages: floorTo(2 * messages, 10_000), perTransaction: 10_000, perRow: 100 },
    ...backlogs.map((rows) => ({
      name: `backlog of ${rows.toLocaleString('en')} rows of 1`,
      messages: rows,
      ...single,
    })),
  ];
}

function floorTo(value: number, step: number): number {
  return Math.max(step, Math.floor(value / step) * step);
}

async function measure(
  stack: BenchStack,
  shape: Shape,
  { into, say }: { into: Measured | undefined; say: (what: string) => void },
): Promise<void> {
  for (const writeBack of [false, true]) {
    say(`${shape.messages.toLocaleString('en')} messages, ${writeBack ? 'with' : 'without'} write-back`);
    await prepareBacklog(stack, shape);
    if (!writeBack) into?.limits.push((await drainWithPgRecvlogical(stack, shape.messages)) ?? Number.NaN);
    into?.[writeBack ? 'cleared' : 'plain'].push(await drainWithRelay(stack, shape.messages, { writeBack }));
  }
}

const HEAD = [
  'median (smallest–largest)',
  'messages/s',
  '÷ pg_recvlogical',
  'pg_recvlogical, messages/s',
  'relay CPU, µs a message',
  'walsender CPU',
  'broker CPU',
  'relay peak RSS, MB',
];

function rowsOf(name: string, measured: Measured | undefined): string[][] {
  if (!measured) return [];
  const limit = median(measured.limits);
  return (['plain', 'cleared'] as const).map((kind) => {
    const drains = measured[kind];
    const of = (pick: (drain: DrainResult) => number, digits = 0) => spread(drains.map(pick), digits);
    const rate = median(drains.map(({ messagesPerSecond }) => messagesPerSecond));
    return [
      `${name}, ${kind === 'plain' ? 'without' : 'with'} write-back`,
      of(({ messagesPerSecond }) => messagesPerSecond),
      (rate / limit).toFixed(2),
      kind === 'plain' ? spread(measured.limits) : '',
      of(({ relayCpuUs }) => relayCpuUs, 1),
      of(({ walsenderCpuUs }) => walsenderCpuUs, 1),
      of(({ brokerCpuUs }) => brokerCpuUs, 1),
      of(({ relayPeakRssMb }) => relayPeakRssMb),
    ];
  });
}
