import type { BusDelivery, EventBus } from '../../../engine/ports/event-bus.ts';
import { percentile } from '../statistics.ts';
import { type BusUnderBench, PAYLOAD_BYTES } from './buses.ts';

const WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 2;
const KEYS = 1_000;

/** So many at a time, each publishing one message a call. @returns messages a second */
export async function publishAll(
  { publishing, subject }: BusUnderBench,
  { messages, publishers }: { readonly messages: number; readonly publishers: number },
): Promise<number> {
  let next = 0;
  const began = performance.now();
  const publisher = async () => {
    while (next < messages) {
      next += 1;
      await publishOne(publishing, subject, next);
    }
  };
  await Promise.all(Array.from({ length: publishers }, publisher));
  return (messages / (performance.now() - began)) * 1000;
}

export async function publishOne(bus: EventBus, subject: string, index: number): Promise<void> {
  const payload = Buffer.alloc(PAYLOAD_BYTES, ' ');
  payload.write(String(performance.now()).slice(0, 20));
  await bus.publish([{ subject, key: `key-${index % KEYS}`, payload }]);
}

/** A consumer that acknowledges what it gets, one by one. */
export class Consuming implements AsyncDisposable {
  /** From before it was published to its handler; one clock tells both. */
  readonly latencies: number[] = [];
  readonly #over = new AbortController();
  readonly #ended: Promise<void>;
  readonly #distinct = new Set<bigint>();
  #lastAt = 0;

  static async begin(on: BusUnderBench, name: string): Promise<Consuming> {
    return new Consuming(on.consuming, await on.consumer(name));
  }

  private constructor(bus: EventBus, ref: { readonly stream: string; readonly name: string }) {
    this.#ended = bus.subscribe(ref, (delivery) => this.#take(delivery), this.#over.signal);
  }

  /** How many different messages were acknowledged. */
  get count(): number {
    return this.#distinct.size;
  }

  /** When the last of them was. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Waits for as long as that may take. @returns whether there are so many */
  async until(count: number): Promise<boolean> {
    for (const end = performance.now() + WITHIN_MS; this.count < count && performance.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return this.count >= count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#ended;
  }

  async #take({ payload, sequence, ack }: BusDelivery): Promise<void> {
    this.latencies.push(performance.now() - Number(payload.toString('latin1', 0, 20)));
    await ack();
    this.#distinct.add(sequence);
    this.#lastAt = performance.now();
  }
}

export interface BusLatency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const WARM_UP_MS = 1_000;

/** At a steady rate, from before a message is published to its handler. */
export async function latencyAt(
  on: BusUnderBench,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<BusLatency> {
  await using consuming = await Consuming.begin(on, `rate-${rate}`);
  let sent = await pace(on, { rate, ms: WARM_UP_MS });
  await arrived(consuming, sent);
  consuming.latencies.length = 0;
  sent += await pace(on, { rate, ms: seconds * 1000 });
  await arrived(consuming, sent);
  const sorted = consuming.latencies.toSorted((a, b) => a - b);
  return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) };
}

async function arrived(consuming: Consuming, wanted: number): Promise<void> {
  if (await consuming.until(wanted)) return;
  throw new Error(`${consuming.count} of ${wanted} messages arrived`);
}

/** @returns how many were published */
async function pace(
  { publishing, subject }: BusUnderBench,
  { rate, ms }: { readonly rate: number; readonly ms: number },
): Promise<number> {
  const sent: Promise<void>[] = [];
  const began = performance.now();
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - began) {
    while (sent.length < (elapsed / 1000) * rate) sent.push(publishOne(publishing, subject, sent.length));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(sent);
  return sent.length;
}
