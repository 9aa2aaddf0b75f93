import type { Clock } from './ports/clock.ts';
import type { BusDelivery, HandleDelivery } from './ports/event-bus.ts';
import type { Logger } from './ports/logger.ts';

export interface HandOverOptions {
  readonly handle: HandleDelivery;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ackWaitMs: number;
}

interface Waiting {
  readonly delivery: BusDelivery;
  /** For one whose handler was not begun when all ended: it comes again at once, and this delivery does not count. */
  readonly giveBack: () => Promise<void>;
}

/**
 * Brings deliveries to their handler: those of one key after each other, all else at the same time. One that waits for its
 * key is kept alive, so that its time is not over before its handler has begun.
 */
export class HandOver {
  readonly #options: HandOverOptions;
  /** What waits behind the delivery of a key that is being handled. */
  readonly #lines = new Map<string, Waiting[]>();
  readonly #running = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  readonly #keeping: Promise<void>;

  constructor(options: HandOverOptions) {
    this.#options = options;
    this.#keeping = this.#keepAlive();
  }

  take(delivery: BusDelivery, giveBack: () => Promise<void>): void {
    const line = delivery.key === '' ? undefined : this.#lines.get(delivery.key);
    if (line) line.push({ delivery, giveBack });
    else this.#begin(delivery);
  }

  /** Begins no more handlers. Resolves once those under way have ended, and the rest is given back. */
  async end(): Promise<void> {
    this.#ended.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
    const left = [...this.#lines.values()].flat();
    this.#lines.clear();
    await Promise.all(left.map(({ delivery, giveBack }) => this.#try('given back', delivery, giveBack)));
    await this.#keeping;
  }

  #begin(delivery: BusDelivery): void {
    if (delivery.key !== '' && !this.#lines.has(delivery.key)) this.#lines.set(delivery.key, []);
    const running = this.#handle(delivery).finally(() => {
      this.#running.delete(running);
      if (delivery.key !== '') this.#beginNext(delivery.key);
    });
    this.#running.add(running);
  }

  #beginNext(key: string): void {
    if (this.#ended.signal.aborted) return;
    const next = this.#lines.get(key)?.shift();
    if (next) this.#begin(next.delivery);
    else this.#lines.delete(key);
  }

  /** Never rejects. */
  async #handle(delivery: BusDelivery): Promise<void> {
    try {
      await this.#options.handle(delivery);
    } catch (error) {
      const { subject, sequence, deliveryCount } = delivery;
      this.#options.logger.warn('a message was not handled; it comes again', {
        subject,
        sequence,
        deliveryCount,
        error,
      });
      const reason = error instanceof Error ? error.message : String(error);
      await this.#try('given back', delivery, () => delivery.nak({ reason }));
    }
  }

  /** What cannot be told comes again by itself when its time is over. */
  async #try(what: string, { subject, sequence }: BusDelivery, act: () => Promise<void>): Promise<void> {
    await act().catch((error: unknown) => {
      this.#options.logger.warn(`a message could not be ${what}; it comes again when its time is over`, {
        subject,
        sequence,
        error,
      });
    });
  }

  async #keepAlive(): Promise<void> {
    const { clock, ackWaitMs } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await clock.sleep(Math.ceil(ackWaitMs / 3), signal);
      const waiting = [...this.#lines.values()].flat();
      await Promise.all(
        waiting.map(({ delivery }) => this.#try('kept', delivery, () => delivery.inProgress())),
      );
    }
  }
}
