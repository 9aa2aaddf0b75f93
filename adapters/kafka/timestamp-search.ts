/** What a broker answers to "the first record that is not older than this": undefined when all are older. */
export interface FoundRecord {
  readonly offset: bigint;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

/** Steps back from now, each so many times as far as the one before it. */
const STRIDE = { firstMs: 1_000, factor: 4 } as const;
/** The answer may be too old by this much, or by this share of its age. */
const TOLERANCE = { ms: 10, share: 0.02 } as const;
const MAX_ROUNDS = 60;

/**
 * Finds the time of the record at an offset by asking for offsets at times, which is all that may be asked of a topic
 * without the right to read it. Ask for {@link probe}, give the answer to {@link found}, until {@link timestamp} is known:
 * six rounds for a record of a minute ago, about twenty for one of last week. Relies on times that do not go back
 * along a partition.
 */
export class TimestampSearch {
  readonly #offset: bigint;
  readonly #now: number;
  /** The record is not older than this, as far as we know; undefined before the search has gone back far enough. */
  #from: number | undefined;
  /** The record is older than this. */
  #until: number;
  #stride: number = STRIDE.firstMs;
  #rounds = 0;
  #answer: number | undefined;

  constructor(offset: bigint, now: number) {
    this.#offset = offset;
    this.#now = now;
    this.#until = now + 1;
  }

  get timestamp(): number | undefined {
    return this.#answer;
  }

  /** The time to ask for next. */
  get probe(): number {
    if (this.#from === undefined) return Math.max(0, this.#now - this.#stride);
    return Math.floor((this.#from + this.#until) / 2);
  }

  found(record: FoundRecord | undefined): void {
    this.#rounds += 1;
    const probe = this.probe;
    if (record?.offset === this.#offset) this.#answer = record.timestamp;
    else if (record === undefined || record.offset > this.#offset) this.#until = probe;
    else this.#from = Math.max(probe, record.timestamp);
    if (this.#answer === undefined) this.#narrow();
  }

  #narrow(): void {
    if (this.#from === undefined && this.#until > 0) {
      this.#stride *= STRIDE.factor;
      return;
    }
    // At time 0 every record is found, so one that is not there is gone: what follows it is as old as it gets.
    const oldest = this.#from ?? 0;
    const tolerance = Math.max(TOLERANCE.ms, (this.#now - oldest) * TOLERANCE.share);
    if (this.#until - oldest <= tolerance || this.#rounds >= MAX_ROUNDS) {
      this.#answer = Math.min(oldest, this.#now);
    }
  }
}
