import type { Logger } from '../../engine/ports/logger.ts';
import type { Topic } from '../../events/ids.ts';

/** @throws whatever the client does when the coordinator refuses, or cannot be reached */
export type CommitOffsets = (offsets: {
  readonly topics: { readonly topic: string; readonly partitions: { partition: number; offset: string }[] }[];
}) => Promise<void>;

/**
 * Commits what is acknowledged, one request at a time for all partitions: the next delivery does not wait for it. What is
 * acknowledged and not committed comes again to whoever has the partition next.
 */
export class OffsetCommitter {
  readonly #topic: Topic;
  readonly #logger: Logger;
  /** By partition, the next offset. */
  #pending = new Map<number, bigint>();
  #commit: CommitOffsets | undefined;
  #committing: Promise<void> | undefined;

  constructor(topic: Topic, logger: Logger) {
    this.#topic = topic;
    this.#logger = logger;
  }

  /** Commits go this way from now on. */
  use(commit: CommitOffsets): void {
    this.#commit = commit;
  }

  /** @param next the offset of the first record that is not acknowledged */
  add(partition: number, next: bigint): void {
    this.#pending.set(partition, next);
    this.#committing ??= this.#commitAll();
  }

  /** Of partitions that may be another member's by now. */
  forget(): void {
    this.#pending.clear();
  }

  /** Resolves when all is committed, or has been refused. */
  async settled(): Promise<void> {
    await this.#committing;
  }

  async #commitAll(): Promise<void> {
    try {
      while (this.#pending.size > 0) {
        const offsets = this.#pending;
        this.#pending = new Map();
        const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: `${offset}` }));
        await this.#commit?.({ topics: [{ topic: this.#topic, partitions }] }).catch((error: unknown) => {
          this.#logger.warn('offsets could not be committed; what they stand for may come again', {
            topic: this.#topic,
            partitions: [...offsets.keys()],
            error,
          });
        });
      }
    } finally {
      this.#committing = undefined;
    }
  }
}
