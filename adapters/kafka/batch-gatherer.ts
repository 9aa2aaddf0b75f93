import type { BatchOutcome, IncomingRecord } from '../../engine/ports/event-streamer.ts';

export interface BatchGathererOptions {
  readonly handle: (batch: readonly IncomingRecord[]) => Promise<BatchOutcome>;
  readonly size: number;
  readonly windowMs: number;
}

interface Waiting {
  readonly records: readonly IncomingRecord[];
  readonly resolve: (failedAt: bigint | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Puts records of several partitions into one batch, as an event source mapping does: until it is full or the window is over. */
export class BatchGatherer {
  readonly #options: BatchGathererOptions;
  #waiting: Waiting[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BatchGathererOptions) {
    this.#options = options;
  }

  /** Hands over records of one partition. @returns the first offset of it that must come again */
  deliver(records: readonly IncomingRecord[]): Promise<bigint | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#count + records.length > this.#options.size) this.#flush();
      this.#waiting.push({ records, resolve, reject });
      this.#count += records.length;
      if (this.#count >= this.#options.size || this.#options.windowMs === 0) this.#flush();
      else this.#timer ??= setTimeout(() => this.#flush(), this.#options.windowMs);
    });
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#count = 0;
    if (waiting.length > 0) void this.#handle(waiting);
  }

  /** Never rejects: each partition is told for itself. */
  async #handle(waiting: readonly Waiting[]): Promise<void> {
    try {
      const { failed } = await this.#options.handle(waiting.flatMap(({ records }) => records));
      for (const { records, resolve } of waiting) {
        const partition = records[0]?.partition;
        resolve(failed.find((failure) => failure.partition === partition)?.offset);
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
