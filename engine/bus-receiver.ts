import type { BusStreamerOptions } from './bus-streamer.ts';
import { keepAlive } from './keep-alive.ts';
import type { BusDelivery, ConsumerRef } from './ports/event-bus.ts';
import type { BatchOutcome, IncomingRecord, Receiver, ReceiverOptions } from './ports/event-streamer.ts';
import { WakeLatch } from './ports/wakeups.ts';

/** Kept alive while a batch is worked on, so it only bounds how long a member that died holds its messages. */
const ACK_WAIT_MS = 60_000;
/** Those who give up on a job are the engine's retries and dead letters, not the bus. */
const MAX_DELIVER = 1_000_000;
const AGAIN_MS = 100;
/** Batches side by side, so that a slow handler holds up its own batch and no other: as many partitions would do. */
const LANES = 8;

type Handle = (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>;

interface Waiting {
  readonly delivery: BusDelivery;
  readonly settled: () => void;
}

/** A group on a bus. A dot is not allowed in the name of a consumer, and an equals sign not in that of a group. */
export function consumerOf(stream: string, group: string): ConsumerRef {
  return { stream, name: group.replaceAll('.', '=2E') };
}

export class BusReceiver implements Receiver {
  readonly #options: BusStreamerOptions;
  readonly #receiver: ReceiverOptions;
  readonly #consumer: ConsumerRef;
  readonly #arrived: WakeLatch;
  #waiting: Waiting[] = [];

  static async open(options: BusStreamerOptions, receiver: ReceiverOptions): Promise<BusReceiver> {
    const consumer = consumerOf(options.stream, receiver.group);
    await options.bus.ensureConsumer({
      ...consumer,
      filterSubject: receiver.topic,
      ackWaitMs: ACK_WAIT_MS,
      maxDeliver: MAX_DELIVER,
      maxPending: (LANES + 1) * receiver.batchSize,
    });
    return new BusReceiver(options, receiver, consumer);
  }

  private constructor(options: BusStreamerOptions, receiver: ReceiverOptions, consumer: ConsumerRef) {
    this.#options = options;
    this.#receiver = receiver;
    this.#consumer = consumer;
    this.#arrived = new WakeLatch(options.clock);
  }

  async run(handle: Handle, signal: AbortSignal): Promise<void> {
    const left = new AbortController();
    const batches = this.#handleBatches(handle, { signal, left: left.signal });
    try {
      await this.#options.bus.subscribe(this.#consumer, (delivery) => this.#wait(delivery), signal);
    } finally {
      left.abort();
      await batches;
    }
  }

  /** A delivery is under way until its batch is settled. */
  #wait(delivery: BusDelivery): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ delivery, settled: resolve });
      this.#arrived.tell();
    });
  }

  /** Never rejects. Once the signal has aborted what waits is given back; it ends when the subscription has. */
  async #handleBatches(handle: Handle, signals: { signal: AbortSignal; left: AbortSignal }): Promise<void> {
    const { signal, left } = signals;
    const { batchSize, batchWindowMs } = this.#receiver;
    const lanes = new Set<Promise<void>>();
    while (!left.aborted || this.#waiting.length > 0) {
      if (this.#waiting.length === 0) {
        await this.#arrived.sleep(ACK_WAIT_MS, left);
        continue;
      }
      if (this.#waiting.length < batchSize && !signal.aborted) {
        await this.#options.clock.sleep(batchWindowMs, signal);
      }
      if (lanes.size >= LANES) await Promise.race(lanes);
      const batch = this.#waiting.splice(0, batchSize);
      const lane = this.#settleOne(handle, batch, signal).finally(() => lanes.delete(lane));
      lanes.add(lane);
    }
    await Promise.all(lanes);
  }

  async #settleOne(handle: Handle, batch: readonly Waiting[], signal: AbortSignal): Promise<void> {
    const failedFrom = signal.aborted ? 0n : await this.#handleOne(handle, batch);
    await Promise.all(batch.map((one) => settle(one, failedFrom)));
  }

  /** @returns the first offset that must come again, or undefined when all are handled */
  async #handleOne(handle: Handle, batch: readonly Waiting[]): Promise<bigint | undefined> {
    const ended = new AbortController();
    const deliveries = batch.map(({ delivery }) => delivery);
    const { clock } = this.#options;
    const keeping = keepAlive(deliveries, { clock, ackWaitMs: ACK_WAIT_MS }, ended.signal);
    try {
      const records = batch.map(({ delivery }) => this.#toRecord(delivery));
      records.sort((a, b) => (a.offset < b.offset ? -1 : 1));
      const { failed } = await handle(records);
      return failed.reduce<bigint | undefined>(
        (first, { offset }) => (first === undefined || offset < first ? offset : first),
        undefined,
      );
    } catch {
      // A batch that failed as a whole comes again from its first record, as the port says.
      return 0n;
    } finally {
      ended.abort();
      await keeping;
    }
  }

  #toRecord({ sequence, publishedAt, key, payload, headers }: BusDelivery): IncomingRecord {
    return {
      topic: this.#receiver.topic,
      partition: 0,
      offset: sequence,
      timestamp: publishedAt.getTime(),
      key: Buffer.from(key),
      value: payload,
      headers: Object.entries(headers).map(([name, value]) => ({ name, value: Buffer.from(value) })),
    };
  }
}

/** What cannot be told comes again when its time is over. */
async function settle({ delivery, settled }: Waiting, failedFrom: bigint | undefined): Promise<void> {
  const isDone = failedFrom === undefined || delivery.sequence < failedFrom;
  await (isDone ? delivery.ack() : delivery.nak({ delayMs: AGAIN_MS })).catch(() => undefined);
  settled();
}
