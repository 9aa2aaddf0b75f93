import { isMillraceError, MillraceError } from '../engine/errors.ts';
import { openPacks } from '../engine/open-packs.ts';
import type { Publisher, PublishReceipt } from '../engine/ports/event-streamer.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { Term } from '../events/ids.ts';
import type { RelayMetrics } from './metrics.ts';
import { Labeller, type Outgoing, type PlacedRow } from './outgoing.ts';
import { type PublishedRow, type RefusedJob, readReceipt } from './published.ts';

export interface LaneOptions {
  /** Through which these rows go. */
  readonly publisherOf: (rows: readonly PlacedRow[]) => Publisher;
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
  readonly #labeller: Labeller;
  readonly #broken = new Set<bigint>();
  #last: Promise<void> = Promise.resolve();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#labeller = new Labeller(options.term);
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
    const outgoing = this.#labeller.label(placed);
    for (const broken of outgoing.broken) this.#passOver(broken);
    if (!mayPublish()) {
      throw new MillraceError('replication_failed', 'Leadership is over; nothing more is published.', {
        retryable: true,
      });
    }
    const startedAt = performance.now();
    const receipt = await this.#send(outgoing, this.#options.publisherOf(placed)).catch((error: unknown) => {
      metrics.publishFailed(outgoing.messages);
      metrics.batchFailed(isLate(error) ? 'context' : 'client', performance.now() - startedAt);
      throw error;
    });
    const ackedAt = performance.now();
    const { published, refusedJobs } = readReceipt(outgoing, receipt, ackedAt);
    metrics.published(outgoing.messages - refusedJobs.length, ackedAt - startedAt);
    if (refusedJobs.length > 0) metrics.publishFailed(refusedJobs.length);
    await onPublished(published, refusedJobs);
  }

  /** A client that never answers would stop dispatch without a word. */
  async #send({ packs }: Outgoing, publisher: Publisher): Promise<PublishReceipt> {
    const { timeoutMs } = this.#options;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const reason = `The broker did not answer within ${timeoutMs / 1000} s.`;
      reject(new MillraceError('publish_failed', reason, { retryable: true, detail: { late: true } }));
    }, timeoutMs);
    // Nobody waits any more for a call that outlives its term; it must not keep the process.
    timer.unref();
    try {
      const answer = publisher.publishPacks?.(packs) ?? publisher.publish(openPacks(packs));
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #passOver({ id, topic, error }: Outgoing['broken'][number]): void {
    this.#options.metrics.publishFailed(1);
    if (this.#broken.has(id)) return;
    this.#broken.add(id);
    this.#options.logger.error('an outbox row holds no pack and stays in the outbox', {
      outbox_id: id,
      topic,
      error,
    });
  }
}

function isLate(error: unknown): boolean {
  return isMillraceError(error) && error.detail['late'] === true;
}
