import { randomUUID } from 'node:crypto';
import type {
  BatchOutcome,
  IncomingRecord,
  OutgoingRecord,
  Publisher,
} from '../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../events/ids.ts';
import type { StreamerUnderTest } from './event-streamer.suite.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';

export interface RecordParts {
  readonly key?: string;
  readonly value?: string | Buffer;
}

export function record(topic: Topic, { key = 'key', value = 'value' }: RecordParts = {}): OutgoingRecord {
  return { topic, key: Buffer.from(key), value: Buffer.from(value), headers: [] };
}

/** Records of one key, whose values are the numbers from 0. */
export function numbered(topic: Topic, count: number, key = 'key'): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => record(topic, { key, value: String(index) }));
}

/** A topic that nobody else uses. */
export async function newTopic({ createTopic }: StreamerUnderTest): Promise<Topic> {
  const topic = `conformance.${randomUUID()}` as Topic;
  await createTopic(topic);
  return topic;
}

/**
 * What is stored of these keys, each in its order. A last record of each key is published to know when all before it
 * have been read.
 */
export async function storedOf(
  subject: StreamerUnderTest,
  topic: Topic,
  keys: readonly string[] = ['key'],
): Promise<IncomingRecord[]> {
  const last = `last.${randomUUID()}`;
  await publishing(subject, (publisher) =>
    publisher.publish(keys.map((key) => record(topic, { key, value: last }))),
  );
  await using receiving = await Receiving.start(subject, { topic, group: aGroup(), batchSize: 500 });
  const isLast = (one: IncomingRecord) => textOf(one) === last;
  await receiving.until(
    ({ batches }) => batches.flat().filter(isLast).length >= keys.length,
    'all that is stored',
  );
  return receiving.batches.flat().filter((one) => !isLast(one));
}

export function textOf({ value }: Pick<IncomingRecord, 'value'>): string {
  return value?.toString() ?? '';
}

export async function publishing<T>(
  { streamer }: StreamerUnderTest,
  use: (publisher: Publisher) => Promise<T>,
): Promise<T> {
  const publisher = await streamer.publisher();
  try {
    return await use(publisher);
  } finally {
    await publisher.close();
  }
}

export function aGroup(): string {
  return `group.${randomUUID()}`;
}

export interface ReceivingOptions {
  readonly topic: Topic;
  readonly group: string;
  readonly batchSize?: number;
  readonly batchWindowMs?: number;
  /** Acknowledges everything when absent. */
  readonly handle?: (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>;
}

/** A member of a group that runs until it is stopped, and remembers what it was handed. */
export class Receiving implements AsyncDisposable {
  readonly batches: (readonly IncomingRecord[])[] = [];
  readonly #stopping = new AbortController();
  readonly #patienceMs: number;
  /** How `run` ended: undefined for an orderly end. */
  readonly ended: Promise<unknown>;

  private constructor(patienceMs: number, run: (self: Receiving, signal: AbortSignal) => Promise<void>) {
    this.#patienceMs = patienceMs;
    this.ended = run(this, this.#stopping.signal).catch((error: unknown) => error);
  }

  static async start(subject: StreamerUnderTest, options: ReceivingOptions): Promise<Receiving> {
    const { topic, group, batchSize = 10, batchWindowMs = 0, handle = acknowledge } = options;
    const receiver = await subject.streamer.receiver({ topic, group, batchSize, batchWindowMs });
    return new Receiving(patienceOf(subject), (self, signal) =>
      receiver.run((batch) => {
        self.batches.push(batch);
        return handle(batch);
      }, signal),
    );
  }

  get texts(): string[] {
    return this.batches.flat().map(textOf);
  }

  async until(condition: (self: Receiving) => boolean, what: string): Promise<void> {
    await waitFor(() => condition(this), { within: this.#patienceMs, what }).catch((cause: unknown) => {
      throw new Error(
        `${what}; received ${this.texts.length} records, last: ${this.texts.slice(-20).join(' ')}`,
        { cause },
      );
    });
  }

  abort(): void {
    this.#stopping.abort();
  }

  /** Rejects when the receiver does not end, or did not end well. */
  async stop(): Promise<void> {
    this.abort();
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error('run does not end after the abort')), this.#patienceMs);
    try {
      const error = await Promise.race([this.ended, late]);
      if (error !== undefined) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A check that failed must not be hidden by the end of what it left running.
    await this.stop().catch(() => undefined);
  }
}

export async function acknowledge(): Promise<BatchOutcome> {
  return { failed: [] };
}
