import type { Clock } from '../../engine/ports/clock.ts';

export interface CoalescerOptions<Item, Answer> {
  /** One call for many items; answers in their order. An Error as an answer fails that item, a rejection all of them. */
  readonly send: (items: readonly Item[]) => Promise<readonly (Answer | Error)[]>;
  /** Items in one call, at most; so many that wait are sent whatever is under way. */
  readonly maxCount: number;
  /** Sent at once when so many wait and not many calls are under way (`maxCount` unless given) … */
  readonly sendCount?: number;
  /** … or when the first has waited for so long, in milliseconds. */
  readonly maxDelayMs: number;
  readonly clock: Clock;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls under way beyond which requests gather: the other side is busy, and larger calls cost it less an item. */
const CALLS_UNDER_WAY = 2;

/** Turns single requests that come close together into one call. */
export class Coalescer<Item, Answer> {
  readonly #options: CoalescerOptions<Item, Answer>;
  #waiting: Waiting<Item, Answer>[] = [];
  #timer: AbortController | undefined;
  #calls = 0;

  constructor(options: CoalescerOptions<Item, Answer>) {
    this.#options = options;
  }

  add(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#isDue()) this.flush();
      else this.#timer ??= this.#startTimer();
    });
  }

  #isDue(): boolean {
    const { maxCount, sendCount = maxCount } = this.#options;
    const { length } = this.#waiting;
    return length >= maxCount || (length >= sendCount && this.#calls < CALLS_UNDER_WAY);
  }

  /** Sends what waits, now. */
  flush(): void {
    this.#timer?.abort();
    this.#timer = undefined;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length > 0) void this.#send(batch);
  }

  #startTimer(): AbortController {
    const timer = new AbortController();
    void this.#options.clock.sleep(this.#options.maxDelayMs, timer.signal).then(() => {
      if (!timer.signal.aborted) this.flush();
    });
    return timer;
  }

  /** Never rejects: each item's own promise carries what happened. */
  async #send(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    this.#calls += 1;
    try {
      const answers = await this.#options.send(batch.map(({ item }) => item));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const answer = answers[index];
        if (answer === undefined) reject(new Error('no answer was given for an item of a batch'));
        else if (answer instanceof Error) reject(answer);
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#calls -= 1;
      if (this.#isDue()) this.flush();
    }
  }
}
