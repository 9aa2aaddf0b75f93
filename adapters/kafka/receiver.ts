import { setTimeout as delay } from 'node:timers/promises';
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

/** More partitions than this of one topic wait for each other in one process. */
const PARTITIONS_SIDE_BY_SIDE = 32;
const HEARTBEAT_MS = 3_000;
/**
 * kafkajs asks a broker for more only when every handler of its last answer has ended, so a slow one would hold up all
 * partitions of the broker. One that takes longer than this goes on by itself, its partition paused.
 */
const PATIENCE_MS = 500;
/** How long a request may wait at the broker for news. A partition that is resumed is not in the request under way. */
const FETCH_WAIT_MS = 250;
const REDELIVERY = { firstMs: 100, maxMs: 5_000 } as const;

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

class KafkaReceiver implements Receiver {
  readonly #consumer: Consumer;
  readonly #context: ReceiverContext;
  /** Failed deliveries in a row, by partition: what the pause before the next one grows with. */
  readonly #failures = new Map<number, number>();
  /** Work on partitions that are paused for it. Never rejects. */
  readonly #apart = new Set<Promise<void>>();

  constructor(consumer: Consumer, context: ReceiverContext) {
    this.#consumer = consumer;
    this.#context = context;
  }

  async run(handle: Handle, signal: AbortSignal): Promise<void> {
    const { options } = this.#context;
    const gatherer = new BatchGatherer({ handle, size: options.batchSize, windowMs: options.batchWindowMs });
    const ended = this.#whenEnded(signal);
    try {
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: PARTITIONS_SIDE_BY_SIDE,
        eachBatch: (payload) => this.#eachBatch(payload, this.#work(payload, gatherer, signal), signal),
      });
      await ended;
    } catch (error) {
      const doing = `receiving from ${options.topic}`;
      throw translate(error, { config: this.#context.config, doing, otherwise: 'broker_unreachable' });
    } finally {
      await Promise.all(this.#apart);
      // Waits for the other batches under way, then leaves the group.
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

  async #eachBatch(payload: EachBatchPayload, work: Promise<void>, signal: AbortSignal): Promise<void> {
    const isDone = await Promise.race([
      work.then(() => true),
      delay(PATIENCE_MS, false, { signal }).catch(() => false),
    ]);
    if (signal.aborted) {
      // There is nothing to fetch for, and a batch that returns unread would only be fetched again, and again.
      await Promise.all(this.#apart);
      return work;
    }
    if (isDone) return;
    const resume = payload.pause();
    const apart = work
      .catch((error: unknown) => {
        const { topic, partition } = payload.batch;
        this.#context.logger.warn('a batch could not be committed and will come again', {
          topic,
          partition,
          error,
        });
      })
      .finally(() => {
        this.#apart.delete(apart);
        resume();
      });
    this.#apart.add(apart);
  }

  async #work(payload: EachBatchPayload, gatherer: BatchGatherer, signal: AbortSignal): Promise<void> {
    const { batch } = payload;
    const records = batch.messages.map((message) => toRecord(message, batch.topic as Topic, batch.partition));
    // The broker expels a member it does not hear of for a session's time, however long a handler takes.
    const beating = setInterval(() => void payload.heartbeat().catch(() => undefined), HEARTBEAT_MS);
    try {
      for (let at = 0; at < records.length && this.#mayGoOn(payload, signal); ) {
        const chunk = records.slice(at, at + this.#context.options.batchSize);
        const failedAt = await this.#deliver(chunk, gatherer);
        const done =
          failedAt === undefined ? chunk.length : chunk.findIndex(({ offset }) => offset >= failedAt);
        await this.#commit(payload, chunk[done - 1]);
        if (failedAt !== undefined) {
          await this.#comeAgain(payload, failedAt, signal);
          return;
        }
        this.#failures.delete(batch.partition);
        at += chunk.length;
      }
    } finally {
      clearInterval(beating);
    }
  }

  #mayGoOn({ isRunning, isStale }: EachBatchPayload, signal: AbortSignal): boolean {
    return isRunning() && !isStale() && !signal.aborted;
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

  async #commit(
    { batch, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload,
    last: IncomingRecord | undefined,
  ): Promise<void> {
    if (!last) return;
    resolveOffset(last.offset.toString());
    const partitions = [{ partition: batch.partition, offset: (last.offset + 1n).toString() }];
    // Not the consumer's own commitOffsets: once disconnecting has begun that one does nothing and calls it a success, so
    // that every orderly stop would bring the last batch again.
    await commitOffsetsIfNecessary({ topics: [{ topic: batch.topic, partitions }] });
  }

  async #comeAgain({ batch }: EachBatchPayload, offset: bigint, signal: AbortSignal): Promise<void> {
    const failures = (this.#failures.get(batch.partition) ?? 0) + 1;
    this.#failures.set(batch.partition, failures);
    const pause = Math.min(REDELIVERY.firstMs * 2 ** (failures - 1), REDELIVERY.maxMs);
    await delay(pause, undefined, { signal }).catch(() => undefined);
    this.#consumer.seek({ topic: batch.topic, partition: batch.partition, offset: offset.toString() });
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
