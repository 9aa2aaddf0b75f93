import { Kafka, logLevel } from 'kafkajs';
import { measureCpu, peakRssMb } from '../processes.ts';

/** A process that reads an outbox and publishes it. */
export interface RunningPeer {
  readonly pid: number;
  stop(): Promise<void>;
}

export interface PeerDrain {
  /** From the first record in the topic to the last. */
  readonly perSecond: number;
  /** Between 20 and 90 % of the records: without the warming up of a virtual machine and the tail. */
  readonly steadyPerSecond: number;
  readonly cpuUs: number;
  readonly peakRssMb: number;
}

interface Sample {
  readonly ms: number;
  readonly records: number;
}

const POLL_MS = 50;
const STALLED_MS = 60_000;

/**
 * Starts the peer and watches the end of the topic until all the backlog is in it. Every peer is measured in this same way,
 * by what the broker has, whatever the peer says of itself.
 */
export async function watchDrain(options: {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly messages: number;
  readonly start: () => Promise<RunningPeer>;
}): Promise<PeerDrain> {
  const { topic, messages } = options;
  const admin = new Kafka({
    clientId: 'bench-watch',
    brokers: [...options.brokers],
    logLevel: logLevel.NOTHING,
  }).admin();
  await admin.connect();
  const count = async (): Promise<number> =>
    (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0);
  const before = await count();
  const peer = await options.start();
  try {
    const samples = [await firstSample(async () => (await count()) - before)];
    const cpu = await measureCpu(peer.pid);
    await followUntil(samples, messages, async () => (await count()) - before);
    return {
      ...ratesOf(samples, messages),
      cpuUs: (await cpu()) / (messages - (samples[0]?.records ?? 0)),
      peakRssMb: await peakRssMb(peer.pid),
    };
  } finally {
    await peer.stop();
    await admin.disconnect();
  }
}

async function firstSample(count: () => Promise<number>): Promise<Sample> {
  const deadline = performance.now() + STALLED_MS;
  for (;;) {
    const records = await count();
    if (records > 0) return { ms: performance.now(), records };
    if (performance.now() > deadline) throw new Error('no record arrived within a minute; see its log');
    await pause();
  }
}

async function followUntil(samples: Sample[], messages: number, count: () => Promise<number>): Promise<void> {
  let moved = performance.now();
  for (;;) {
    await pause();
    const [ms, records] = [performance.now(), await count()];
    if (records > (samples.at(-1)?.records ?? 0)) moved = ms;
    samples.push({ ms, records });
    if (records >= messages) return;
    if (ms - moved > STALLED_MS) throw new Error(`stalled for a minute at ${records} of ${messages} records`);
  }
}

function ratesOf(
  samples: readonly Sample[],
  messages: number,
): { perSecond: number; steadyPerSecond: number } {
  const rate = (from: Sample | undefined, to: Sample | undefined): number =>
    from && to && to.ms > from.ms ? ((to.records - from.records) / (to.ms - from.ms)) * 1000 : Number.NaN;
  const at = (share: number) => samples.find(({ records }) => records >= messages * share);
  return {
    perSecond: rate(samples[0], samples.at(-1)),
    steadyPerSecond: rate(at(0.2), at(0.9)),
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
