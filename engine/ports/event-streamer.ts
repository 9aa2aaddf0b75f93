import type { Topic } from '../../events/ids.ts';
import type { PackedHeader } from '../../events/pack.ts';

/**
 * A broker. Every implementation passes `eventStreamerSuite` of `@millrace/sdk/testing`, whose clauses are these, in order:
 *
 * Publisher
 * 1. `publish` resolves only when the broker has stored every record durably (Kafka: acks=all).
 * 2. Records of one key arrive in the order of the calls and of the array, also when the client retries.
 * 3. A record refused for its size is reported by its index, and its neighbours are stored.
 * 4. Any other failure rejects with a MillraceError (code `publish_failed`, `topic_missing`, `broker_…`); the publisher is then unusable, and the caller replays all
 *    that was not acknowledged through a new one. Nothing is skipped.
 * 5. An unknown topic rejects; no topic is ever created by publishing.
 *
 * Receiver
 * 6. A delivery that was not acknowledged comes again to the next receiver of the group.
 * 7. Deliveries of one partition come in offset order, one batch at a time.
 * 8. Aborting the signal ends the iteration after the batch under way, and leaves the group.
 */
export interface EventStreamer {
  publisher(options?: { readonly clientId?: string }): Promise<Publisher>;
  receiver(options: ReceiverOptions): Promise<Receiver>;
}

export interface OutgoingRecord {
  readonly topic: Topic;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: readonly PackedHeader[];
}

/**
 * Messages of one topic as an outbox row holds them (events/pack.ts), and what goes onto each of them besides. It is the
 * form for a publisher that copies bytes: no object a message. `checkPack` has found it whole.
 */
export interface OutgoingPack {
  readonly topic: Topic;
  readonly messages: Buffer;
  readonly messageCount: number;
  /** Headers of every message, after its own. Packs that share the array are encoded together. */
  readonly headers: readonly PackedHeader[];
  /** Value of the last header, `commit-index`, of the first message; one more for each that follows. None without it. */
  readonly firstIndex: number | undefined;
}

export interface Publisher {
  /** Publishes in order; one call at a time. An empty array resolves at once. */
  publish(records: readonly OutgoingRecord[]): Promise<PublishReceipt>;
  /**
   * The same, under the same clauses, for messages that are still in their packs; an index counts the messages of all packs.
   * A publisher that is no faster for it leaves it out and is handed records (`engine/open-packs.ts`).
   */
  publishPacks?(packs: readonly OutgoingPack[]): Promise<PublishReceipt>;
  /** Waits for what is under way, then disconnects. Safe to call twice. */
  close(): Promise<void>;
}

export interface PublishReceipt {
  /** Records the broker will never take because of their size, by index into the published array. */
  readonly refused: readonly { readonly index: number; readonly reason: string }[];
}

export interface ReceiverOptions {
  readonly topic: Topic;
  readonly group: string;
  /** At most this many records in a batch. */
  readonly batchSize: number;
  /** How long to wait for a batch to fill, in milliseconds. */
  readonly batchWindowMs: number;
}

export interface Receiver {
  /**
   * Hands each batch to `handle` and commits the offsets of what it acknowledges: all records before the first failed
   * one of each partition; the failed record and those after it come again. A rejection acknowledges nothing.
   * Resolves once the signal has aborted and the group has been left; rejects when the broker is lost for good.
   */
  run(
    handle: (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface IncomingRecord {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since the epoch, given by the broker or the producer. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly PackedHeader[];
}

export interface BatchOutcome {
  /** The first record of each partition that must come again. */
  readonly failed: readonly { readonly partition: number; readonly offset: bigint }[];
}

/** A record that stands in the log, as far as a leader must know it that follows one which died. */
export interface TailRecord {
  readonly topic: Topic;
  readonly headers: readonly PackedHeader[];
}

/**
 * Hands over the newest records of every partition of the topics, at most so many of each, up to what is stored durably when
 * it begins. Rejects when it cannot read them all, or the signal aborts; what was handed over until then is true.
 */
export type ReadTail = (
  topics: readonly Topic[],
  options: { readonly perPartition: number; readonly signal: AbortSignal },
  each: (record: TailRecord) => void,
) => Promise<void>;
