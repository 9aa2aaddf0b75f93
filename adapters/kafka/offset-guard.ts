import { MillraceError } from '../../engine/errors.ts';

/**
 * Stays on in production: offsets of one partition must rise with every acknowledged batch. An equal or lower one means that
 * a batch was called stored that was not, and that nothing this producer said can be relied on.
 */
export class OffsetGuard {
  readonly #last = new Map<string, bigint>();

  /** @throws MillraceError `publish_failed` for an offset that does not follow the last one */
  check(topic: string, partition: number, offset: bigint): void {
    const key = `${topic}-${partition}`;
    const last = this.#last.get(key);
    if (last !== undefined && offset <= last) {
      throw new MillraceError(
        'publish_failed',
        `Kafka acknowledged offset ${offset} of ${key} after ${last}: a batch may have been dropped. The relay replays it.`,
        { retryable: true },
      );
    }
    this.#last.set(key, offset);
  }
}
