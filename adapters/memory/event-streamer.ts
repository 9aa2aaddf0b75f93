import { createHash } from 'node:crypto';
import { MillraceError } from '../../engine/errors.ts';
import type {
  BatchOutcome,
  EventStreamer,
  IncomingRecord,
  OutgoingRecord,
  Publisher,
  Receiver,
  ReceiverOptions,
} from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';

export interface MemoryStreamerOptions {
  readonly partitions?: number;
  /** Bytes of a record's value, at most. */
  readonly maxRecordBytes?: number;
}

export interface MemoryStreamer extends EventStreamer {
  /** Topics exist only when they are created, as on a broker. */
  createTopic(topic: Topic): void;
}

/** A broker within the process: partitions by key, groups with committed offsets, redelivery. Gone with the process. */
export function createMemoryStreamer(options: MemoryStreamerOptions = {}): MemoryStreamer {
  const broker = new MemoryBroker(options.partitions ?? 3);
  const limit = options.maxRecordBytes ?? 1_000_000;
  return {
    createTopic: (topic) => broker.create(topic),
    publisher: async () => new MemoryPublisher(broker, limit),
    receiver: async (receiverOptions) => new MemoryReceiver(broker, receiverOptions),
  };
}

const REDELIVERY_MS = 5;

interface Partition {
  readonly records: IncomingRecord[];
  /** Where each group resumes. */
  readonly committed: Map<string, number>;
  /** Groups that have a batch of this partition under way. */
  readonly taken: Set<string>;
}

class MemoryBroker {
  readonly #topics = new Map<Topic, Partition[]>();
  readonly #partitions: number;
  #arrivals: (() => void)[] = [];

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  create(topic: Topic): void {
    if (this.#topics.has(topic)) return;
    const make = (): Partition => ({ records: [], committed: new Map(), taken: new Set() });
    this.#topics.set(topic, Array.from({ length: this.#partitions }, make));
  }

  partitions(topic: Topic): Partition[] {
    const partitions = this.#topics.get(topic);
    if (partitions) return partitions;
    throw new MillraceError('topic_missing', `The topic ${topic} does not exist. Create it first.`);
  }

  append(record: OutgoingRecord): void {
    const partitions = this.partitions(record.topic);
    const number = createHash('md5').update(record.key).digest().readUInt32BE(0) % partitions.length;
    const { key, value, headers, topic } = record;
    const records = partitions[number]?.records ?? [];
    records.push({
      topic,
      partition: number,
      offset: BigInt(records.length),
      timestamp: Date.now(),
      key,
      value,
      headers,
    });
  }

  /** Wakes all who wait: something arrived, was committed or was given back. */
  announce(): void {
    const waiting = this.#arrivals;
    this.#arrivals = [];
    for (const wake of waiting) wake();
  }

  /** Resolves at the next announcement, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#arrivals.push(wake);
      signal.addEventListener('abort', wake);
    });
  }
}

class MemoryPublisher implements Publisher {
  readonly #broker: MemoryBroker;
  readonly #limit: number;
  #usable = true;

  constructor(broker: MemoryBroker, limit: number) {
    this.#broker = broker;
    this.#limit = limit;
  }

  async publish(records: readonly OutgoingRecord[]) {
    if (!this.#usable) {
      throw new MillraceError(
        'publish_failed',
        'This publisher is closed or has failed; open a new one and replay.',
      );
    }
    const refused: { index: number; reason: string }[] = [];
    try {
      for (const [index, record] of records.entries()) {
        if (record.value.length > this.#limit)
          refused.push({ index, reason: `larger than ${this.#limit} bytes` });
        else this.#broker.append(record);
      }
    } catch (error) {
      this.#usable = false;
      throw error;
    }
    this.#broker.announce();
    return { refused };
  }

  async close(): Promise<void> {
    this.#usable = false;
  }
}

class MemoryReceiver implements Receiver {
  readonly #broker: MemoryBroker;
  readonly #options: ReceiverOptions;

  constructor(broker: MemoryBroker, options: ReceiverOptions) {
    this.#broker = broker;
    this.#options = options;
    broker.partitions(options.topic);
  }

  async run(
    handle: (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>,
    signal: AbortSignal,
  ): Promise<void> {
    const { topic, group } = this.#options;
    const underWay = new Set<Promise<void>>();
    while (!signal.aborted) {
      const partition = this.#broker.partitions(topic).find((one) => isOpen(one, group));
      if (partition) {
        const delivery = this.#deliver(partition, handle).finally(() => underWay.delete(delivery));
        underWay.add(delivery);
      } else {
        await this.#broker.next(signal);
      }
    }
    await Promise.all(underWay);
  }

  async #deliver(
    partition: Partition,
    handle: (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>,
  ): Promise<void> {
    const { group, batchSize } = this.#options;
    const from = partition.committed.get(group) ?? 0;
    const batch = partition.records.slice(from, from + batchSize);
    partition.taken.add(group);
    let end = from;
    try {
      const { failed } = await handle(batch);
      const own = failed.filter((failure) => failure.partition === batch[0]?.partition);
      end = Math.min(from + batch.length, ...own.map(({ offset }) => Number(offset)));
      partition.committed.set(group, end);
    } catch {
      // A batch that failed as a whole comes again from its first record: nothing was committed.
    } finally {
      // Without a pause a batch that always fails comes again on microtasks alone, and no timer or abort is ever heard.
      // Only its own partition rests: the others go on.
      if (end < from + batch.length) setTimeout(() => this.#release(partition), REDELIVERY_MS);
      else this.#release(partition);
    }
  }

  #release({ taken }: Partition): void {
    taken.delete(this.#options.group);
    this.#broker.announce();
  }
}

function isOpen({ records, committed, taken }: Partition, group: string): boolean {
  return !taken.has(group) && records.length > (committed.get(group) ?? 0);
}
