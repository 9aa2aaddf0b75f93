import { MillraceError } from '../engine/errors.ts';
import type { Publisher, PublishReceipt } from '../engine/ports/event-streamer.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { JobId, Term, Topic } from '../events/ids.ts';
import type { RelayMetrics } from './metrics.ts';
import { type Outgoing, type PlacedRow, Unpacker } from './outgoing.ts';

/** What became of rows that were published. */
export interface PublishedRow {
  readonly id: bigint;
  readonly topic: Topic;
  /** Jobs whose messages the broker has. */
  readonly jobIds: readonly JobId[];
}

export interface RefusedJob {
  readonly jobId: JobId;
  readonly topic: Topic;
  readonly reason: string;
}

export interface LaneOptions {
  readonly publisher: Publisher;
  readonly term: Term;
  readonly timeoutMs: number;
  readonly metrics: RelayMetrics;
  readonly logger: Logger;
  /** Whether this relay may still speak for the slot; asked before each call to the broker. */
  readonly mayPublish: () => boolean;
  readonly onPublished: (rows: readonly PublishedRow[], refused: readonly RefusedJob[]) => Promise<void>;
}

/**
 * The one way to the broker: a call at a time, whoever asks, because with more than one in flight the clients have lost
 * messages and their order. A failure is final: nothing is published after it, and nothing was skipped.
 */
export class PublishLane {
  readonly #options: LaneOptions;
  readonly #unpacker: Unpacker;
  readonly #broken = new Set<bigint>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#unpacker = new Unpacker(options.term);
  }

  /** Whether the row holds no pack, and was passed over with an error in the log. */
  isBroken(id: bigint): boolean {
    return this.#broken.has(id);
  }

  /** Resolves once the broker has every message of the rows, or has refused it for its size. */
  publish(rows: readonly PlacedRow[]): Promise<void> {
    const mine = this.#last.then(() => this.#publish(rows));
    this.#last = mine;
    // Whoever waits for `mine` hears of its failure; those behind it in the lane must fail as well.
    mine.catch(() => undefined);
    return mine;
  }

  async #publish(placed: readonly PlacedRow[]): Promise<void> {
    const { metrics, mayPublish, onPublished } = this.#options;
    const outgoing = this.#unpacker.unpack(placed);
    for (const broken of outgoing.broken) this.#passOver(broken);
    if (!mayPublish()) {
      throw new MillraceError('replication_failed', 'Leadership is over; nothing more is published.', {
        retryable: true,
      });
    }
    const startedAt = performance.now();
    const receipt = await this.#send(outgoing).catch((error: unknown) => {
      metrics.publishFailed(outgoing.records.length);
      throw error;
    });
    const refused = refusedJobs(outgoing, receipt);
    metrics.published(outgoing.records.length - refused.length, performance.now() - startedAt);
    if (refused.length > 0) metrics.publishFailed(refused.length);
    await onPublished(withoutRefused(outgoing, receipt), refused);
  }

  /** A client that never answers would stop dispatch without a word. */
  async #send({ records }: Outgoing): Promise<PublishReceipt> {
    const { publisher, timeoutMs } = this.#options;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      reject(
        new MillraceError('publish_failed', `The broker did not answer within ${timeoutMs / 1000} s.`, {
          retryable: true,
        }),
      );
    }, timeoutMs);
    try {
      return await Promise.race([publisher.publish(records), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #passOver({ id, topic, error }: Outgoing['broken'][number]): void {
    this.#options.metrics.publishFailed(1);
    if (this.#broken.has(id)) return;
    this.#broken.add(id);
    this.#options.logger.error('an outbox row holds no pack and stays in the outbox', {
      outboxId: id,
      topic,
      error,
    });
  }
}

function refusedJobs(outgoing: Outgoing, { refused }: PublishReceipt): RefusedJob[] {
  if (refused.length === 0) return [];
  const reasons = new Map(refused.map(({ index, reason }) => [index, reason]));
  let index = -1;
  return outgoing.rows.flatMap(({ topic, jobIds }) =>
    jobIds.flatMap((jobId): RefusedJob[] => {
      index += 1;
      const reason = reasons.get(index);
      return reason === undefined ? [] : [{ jobId, topic, reason }];
    }),
  );
}

function withoutRefused(outgoing: Outgoing, { refused }: PublishReceipt): readonly PublishedRow[] {
  if (refused.length === 0) return outgoing.rows;
  const indexes = new Set(refused.map(({ index }) => index));
  let index = -1;
  return outgoing.rows.map(({ id, topic, jobIds }) => ({
    id,
    topic,
    jobIds: jobIds.filter(() => {
      index += 1;
      return !indexes.has(index);
    }),
  }));
}
