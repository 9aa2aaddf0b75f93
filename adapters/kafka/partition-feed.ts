import { setTimeout as delay } from 'node:timers/promises';
import type { IncomingRecord } from '../../engine/ports/event-streamer.ts';

export interface PartitionFeedOptions {
  readonly batchSize: number;
  /** Never rejects. @returns the first offset that must come again */
  readonly deliver: (chunk: readonly IncomingRecord[]) => Promise<bigint | undefined>;
  /** Told of the last record up to which all are acknowledged. */
  readonly acknowledge: (last: IncomingRecord) => void;
  /** Aborts when nothing more is to be delivered. */
  readonly closing: AbortSignal;
}

/** Of what waits: enough that the next answer of the broker comes before it is used up, and no more than fits into memory. */
const FULL = { records: 2_000, bytes: 2 * 1024 * 1024 } as const;
const REDELIVERY = { firstMs: 100, maxMs: 5_000 } as const;

/** The records of one partition that were fetched ahead, delivered in order, one batch at a time. */
export class PartitionFeed {
  readonly #options: PartitionFeedOptions;
  #waiting: IncomingRecord[] = [];
  #bytes = 0;
  /** Counts how often all that waited was forgotten. */
  #round = 0;
  /** Failed deliveries in a row: what the pause before the next one grows with. */
  #failures = 0;
  #resume: (() => void) | undefined;
  #delivering: Promise<void> | undefined;

  constructor(options: PartitionFeedOptions) {
    this.#options = options;
  }

  /** @param pause called when enough waits; what it returns is called when there is room again */
  add(records: readonly IncomingRecord[], pause: () => () => void): void {
    if (this.#options.closing.aborted) return;
    for (const record of records) {
      this.#waiting.push(record);
      this.#bytes += sizeOf(record);
    }
    if (this.#fullness() >= 1) this.#resume ??= pause();
    if (this.#waiting.length > 0) this.#delivering ??= this.#deliverAll();
  }

  /** For when the group has been joined again: what is not acknowledged is fetched again, by us or by another member. */
  forget(): void {
    this.#round += 1;
    this.#failures = 0;
    this.#drop(this.#waiting.length);
  }

  /** Resolves when no delivery is under way and, the feed being closed, none follows. */
  async drained(): Promise<void> {
    await this.#delivering;
  }

  async #deliverAll(): Promise<void> {
    const { batchSize, deliver, acknowledge, closing } = this.#options;
    try {
      while (this.#waiting.length > 0 && !closing.aborted) {
        const round = this.#round;
        const chunk = this.#waiting.slice(0, batchSize);
        const failedAt = await deliver(chunk);
        if (round !== this.#round) continue;
        const done =
          failedAt === undefined ? chunk.length : chunk.findIndex(({ offset }) => offset >= failedAt);
        const last = chunk[done - 1];
        if (last) acknowledge(last);
        this.#drop(done);
        this.#failures = failedAt === undefined ? 0 : this.#failures + 1;
        if (failedAt !== undefined) await this.#pause();
      }
    } finally {
      this.#delivering = undefined;
    }
  }

  #drop(count: number): void {
    for (const record of this.#waiting.splice(0, count)) this.#bytes -= sizeOf(record);
    if (this.#fullness() > 0.5) return;
    this.#resume?.();
    this.#resume = undefined;
  }

  #fullness(): number {
    return Math.max(this.#waiting.length / FULL.records, this.#bytes / FULL.bytes);
  }

  async #pause(): Promise<void> {
    const pause = Math.min(REDELIVERY.firstMs * 2 ** (this.#failures - 1), REDELIVERY.maxMs);
    await delay(pause, undefined, { signal: this.#options.closing }).catch(() => undefined);
  }
}

function sizeOf({ key, value }: IncomingRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
