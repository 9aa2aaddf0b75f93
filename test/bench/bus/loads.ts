import type { BusDelivery, EventBus } from '../../../engine/ports/event-bus.ts';
import { type Percentiles, percentilesOf } from '../statistics.ts';
import { pace, stampedNow, stampOf } from '../steady-load.ts';
import type { BusUnderBench } from './buses.ts';

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
  await bus.publish([{ subject, key: `key-${index % KEYS}`, payload: stampedNow() }]);
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
    this.latencies.push(performance.now() - stampOf(payload));
    await ack();
    this.#distinct.add(sequence);
    this.#lastAt = performance.now();
  }
}

const WARM_UP_MS = 1_000;

/** At a steady rate, from before a message is published to its handler. */
export async function latencyAt(
  on: BusUnderBench,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<Percentiles> {
  const publish = (nth: number) => publishOne(on.publishing, on.subject, nth);
  await using consuming = await Consuming.begin(on, `rate-${rate}`);
  let sent = await pace({ rate, ms: WARM_UP_MS }, publish);
  await arrived(consuming, sent);
  consuming.latencies.length = 0;
  sent += await pace({ rate, ms: seconds * 1000 }, publish);
  await arrived(consuming, sent);
  return percentilesOf(consuming.latencies);
}

async function arrived(consuming: Consuming, wanted: number): Promise<void> {
  if (await consuming.until(wanted)) return;
  throw new Error(`${consuming.count} of ${wanted} messages arrived`);
}
