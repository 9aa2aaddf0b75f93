import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type {
  BatchOutcome,
  IncomingRecord,
  Receiver,
  ReceiverOptions,
} from '../../engine/ports/event-streamer.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Topic } from '../../events/ids.ts';
import type { PackedHeader } from '../../events/pack.ts';
import { BatchGatherer } from './batch-gatherer.ts';
import { createClient } from './client.ts';
import type { KafkaConfig } from './config.ts';
import { translate } from './errors.ts';
import { OffsetCommitter } from './offset-committer.ts';
import { PartitionFeed } from './partition-feed.ts';

const HEARTBEAT_MS = 3_000;
/** How long a request may wait at the broker for news. A partition that is resumed is not in the request under way. */
const FETCH_WAIT_MS = 250;

type Handle = (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>;

/** Connects a member of the consumer group. */
export async function connectReceiver(
  config: KafkaConfig,
  options: ReceiverOptions,
  logger: Logger,
): Promise<Receiver> {
  const consumer = createClient(config, { clientId: 'millrace-worker' }).consumer({
    groupId: options.group,
    allowAutoTopicCreation: false,
    sessionTimeout: 30_000,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [options.topic], fromBeginning: true });
  } catch (error) {
    await consumer.disconnect();
    throw translate(error, { config, doing: `joining ${options.group}`, otherwise: 'broker_unreachable' });
  }
  return new KafkaReceiver(consumer, { config, options, logger });
}

interface ReceiverContext {
  readonly config: KafkaConfig;
  readonly options: ReceiverOptions;
  readonly logger: Logger;
}

/**
 * kafkajs asks a broker for more only when every handler of its last answer has ended. So ours end at once: records are fetched
 * ahead into a feed a partition, which the next request goes on behind, and committed as they are acknowledged.
 */
class KafkaReceiver implements Receiver {
  readonly #consumer: Consumer;
  readonly #context: ReceiverContext;
  readonly #feeds = new Map<number, PartitionFeed>();
  readonly #committer: OffsetCommitter;
  readonly #closing = new AbortController();

  constructor(consumer: Consumer, context: ReceiverContext) {
    this.#consumer = consumer;
    this.#context = context;
    this.#committer = new OffsetCommitter(context.options.topic, context.logger);
  }

  async run(handle: Handle, signal: AbortSignal): Promise<void> {
    const { config, options } = this.#context;
    const gatherer = new BatchGatherer({ handle, size: options.batchSize, windowMs: options.batchWindowMs });
    const ended = this.#whenEnded(signal);
    this.#consumer.on(this.#consumer.events.GROUP_JOIN, () => this.#forget());
    try {
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async (payload) => this.#feed(payload, gatherer),
      });
      await ended;
    } catch (error) {
      throw translate(error, {
        config,
        doing: `receiving from ${options.topic}`,
        otherwise: 'broker_unreachable',
      });
    } finally {
      this.#closing.abort();
      await Promise.all([...this.#feeds.values()].map((feed) => feed.drained()));
      await this.#committer.settled();
      await this.#consumer.disconnect();
    }
  }

  /** Resolves when the signal aborts; rejects when kafkajs gives up by itself. */
  #whenEnded(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
      this.#consumer.on(this.#consumer.events.CRASH, ({ payload }) => {
        if (!payload.restart) reject(payload.error);
      });
    });
  }

  #feed(
    { batch, resolveOffset, commitOffsetsIfNecessary, pause }: EachBatchPayload,
    gatherer: BatchGatherer,
  ): void {
    const { partition } = batch;
    const records = batch.messages.map((message) =>
      toRecord(message, this.#context.options.topic, partition),
    );
    // Not the consumer's own commitOffsets: once disconnecting has begun that one does nothing and calls it a success, so
    // that every orderly stop would bring the last batch again.
    this.#committer.use((offsets) => commitOffsetsIfNecessary(offsets));
    resolveOffset(batch.lastOffset());
    this.#feedOf(partition, gatherer).add(records, pause);
  }

  #feedOf(partition: number, gatherer: BatchGatherer): PartitionFeed {
    const known = this.#feeds.get(partition);
    if (known) return known;
    const feed = new PartitionFeed({
      batchSize: this.#context.options.batchSize,
      deliver: (chunk) => this.#deliver(chunk, gatherer),
      acknowledge: ({ offset }) => this.#committer.add(partition, offset + 1n),
      closing: this.#closing.signal,
    });
    this.#feeds.set(partition, feed);
    return feed;
  }

  #forget(): void {
    this.#committer.forget();
    for (const feed of this.#feeds.values()) feed.forget();
  }

  /** @returns the first offset that must come again */
  async #deliver(chunk: readonly IncomingRecord[], gatherer: BatchGatherer): Promise<bigint | undefined> {
    const { topic } = this.#context.options;
    try {
      return await gatherer.deliver(chunk);
    } catch (error) {
      this.#context.logger.warn('a batch failed and will come again', {
        topic,
        partition: chunk[0]?.partition,
        error,
      });
      return chunk[0]?.offset;
    }
  }
}

function toRecord(message: KafkaMessage, topic: Topic, partition: number): IncomingRecord {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: toHeaders(message.headers),
  };
}

function toHeaders(headers: KafkaMessage['headers']): PackedHeader[] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => ({ name, value: Buffer.from(one) })),
  );
}
