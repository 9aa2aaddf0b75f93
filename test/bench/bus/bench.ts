import type { BenchStack } from '../environment.ts';
import { spread } from '../statistics.ts';
import { type BusStack, openBus, PROVIDERS, type Provider, startBusStack } from './buses.ts';
import { Consuming, latencyAt, publishAll } from './loads.ts';
import { OWN_TOOLS, type OwnFigures } from './own-tools.ts';
import { measureThreeSteps, type ThreeSteps } from './three-steps.ts';

export interface BusBench {
  readonly rounds: number;
  /** At a steady rate, in each round. */
  readonly seconds: number;
  /** Published and consumed with each provider, in each round. */
  readonly messages: number;
  /** Of three steps, all at once. */
  readonly runs: number;
  readonly progress: (line: string) => void;
}

export const BUS_HEAD = ['', 'published, msgs/s', 'consumed, msgs/s', 'p50 / p99 ms at 1,000/s'];

const PUBLISHERS = 64;
const RATE = 1_000;

/** A row for each provider, and below it that of its own tool. One that fails says so, and ends none of the others. */
export async function* benchBuses(stack: BenchStack, bench: BusBench): AsyncGenerator<string[]> {
  await using on = await startBusStack(stack);
  for (const provider of PROVIDERS) {
    yield await orItsFailure(provider, () => ours(on, provider, bench));
    yield await orItsFailure(OWN_TOOLS[provider].name, () => ownTool(on, provider, bench));
  }
}

async function orItsFailure(name: string, row: () => Promise<string[]>): Promise<string[]> {
  try {
    return [name, ...(await row())];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [name, `failed: ${why.replaceAll('|', '/')}`, '', ''];
  }
}

async function ours(on: BusStack, provider: Provider, bench: BusBench): Promise<string[]> {
  const { rounds, seconds, messages, progress } = bench;
  const [published, consumed, p50, p99]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`bus ${provider}, round ${round} of ${rounds}`);
    {
      await using bus = await openBus(on, provider);
      published.push(await publishAll(bus, { messages, publishers: PUBLISHERS }));
      const began = performance.now();
      await using consuming = await Consuming.begin(bus, 'backlog');
      if (!(await consuming.until(messages)))
        throw new Error(`${consuming.count} of ${messages} messages arrived`);
      consumed.push((messages / (consuming.lastAt - began)) * 1000);
    }
    await using bus = await openBus(on, provider);
    const latency = await latencyAt(bus, { rate: RATE, seconds });
    p50.push(latency.p50Ms);
    p99.push(latency.p99Ms);
  }
  return [spread(published), spread(consumed), `${spread(p50, 1)} / ${spread(p99, 1)}`];
}

async function ownTool(
  on: BusStack,
  provider: Provider,
  { rounds, messages, progress }: BusBench,
): Promise<string[]> {
  const found: OwnFigures[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`bus ${provider}, its own tool, round ${round} of ${rounds}`);
    found.push(await OWN_TOOLS[provider].run(on, messages));
  }
  const of = (figure: keyof OwnFigures, digits = 0): string => {
    const values = found.flatMap((one) => one[figure] ?? []);
    return values.length === 0 ? '–' : spread(values, digits);
  };
  return [of('publishPerSecond'), of('consumePerSecond'), `${of('p50Ms', 1)} / ${of('p99Ms', 1)}`];
}

const CONSUMERS = 4;
/** What the seed's plugin was asked for, and lost 3 % of. */
const FAN_OUT = { messages: 3_000, publishers: 16 };
const BURST = { messages: 5_000, publishers: 8 };
const SLOW_RATE = 100;

/** The loads on pgchannel that the seed's plugin was measured by. */
export async function* benchPgChannel(
  stack: BenchStack,
  { rounds, seconds, progress }: BusBench,
): AsyncGenerator<[string, string]> {
  await using on = await startBusStack(stack);
  const [delivered, fanOut, drained, burst]: [number[], number[], number[], number[]] = [[], [], [], []];
  const [p50, p99]: [number[], number[]] = [[], []];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`pgchannel under the loads of the seed, round ${round} of ${rounds}`);
    const all = await live(on, CONSUMERS, FAN_OUT);
    delivered.push(all.count);
    fanOut.push(all.perSecond);
    const one = await live(on, 1, BURST);
    drained.push(one.count);
    burst.push(one.perSecond);
    await using bus = await openBus(on, 'pgchannel');
    const latency = await latencyAt(bus, { rate: SLOW_RATE, seconds });
    p50.push(latency.p50Ms);
    p99.push(latency.p99Ms);
  }
  yield ['4 consumers, 16 publishers: delivered of 12,000', spread(delivered)];
  yield ['4 consumers, 16 publishers: deliveries/s', spread(fanOut)];
  yield ['a burst by 8 publishers, one live consumer: delivered of 5,000', spread(drained)];
  yield ['a burst by 8 publishers, one live consumer: msgs/s', spread(burst)];
  yield ['at 100/s: p50 / p99 ms', `${spread(p50, 1)} / ${spread(p99, 1)}`];
}

/** Consumers that are there from the beginning, each of which gets all. */
async function live(
  on: BusStack,
  consumers: number,
  load: { readonly messages: number; readonly publishers: number },
): Promise<{ count: number; perSecond: number }> {
  await using bus = await openBus(on, 'pgchannel');
  await using opened = new AsyncDisposableStack();
  const consuming: Consuming[] = [];
  for (let index = 0; index < consumers; index += 1) {
    consuming.push(opened.use(await Consuming.begin(bus, `live-${index}`)));
  }
  const began = performance.now();
  await publishAll(bus, load);
  await Promise.all(consuming.map((one) => one.until(load.messages)));
  const count = consuming.reduce((sum, one) => sum + one.count, 0);
  const lastAt = Math.max(...consuming.map((one) => one.lastAt));
  return { count, perSecond: (count / (lastAt - began)) * 1000 };
}

export async function* benchThreeSteps(
  stack: BenchStack,
  { rounds, seconds, runs, progress }: BusBench,
): AsyncGenerator<[string, string]> {
  const found: ThreeSteps[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`runs of three steps, round ${round} of ${rounds}`);
    found.push(await measureThreeSteps(stack, { runs, seconds }));
  }
  const of = (figure: keyof ThreeSteps, digits = 1) =>
    spread(
      found.map((one) => one[figure]),
      digits,
    );
  yield [`three steps in PostgreSQL, ${runs.toLocaleString('en')} at once: runs/s`, of('perSecond', 0)];
  yield ['three steps in PostgreSQL, 50/s: p50 / p99 ms', `${of('p50Ms')} / ${of('p99Ms')}`];
}
