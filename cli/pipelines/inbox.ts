import type { Clock } from '../../engine/ports/clock.ts';
import type { BusDelivery, ConsumerRef, EventBus } from '../../engine/ports/event-bus.ts';
import { WakeLatch } from '../../engine/ports/wakeups.ts';

interface Waiting {
  readonly delivery: BusDelivery;
  readonly taken: AbortController;
}

/**
 * Deliveries of a consumer until a step asks for them. They are kept alive while they wait; those nobody asked for are given
 * back at the end.
 */
export class Inbox {
  readonly #clock: Clock;
  readonly #ackWaitMs: number;
  readonly #arrived: WakeLatch;
  readonly #ended = new AbortController();
  readonly #waiting: Waiting[] = [];
  readonly #subscription: Promise<void>;

  constructor(
    bus: EventBus,
    consumer: ConsumerRef,
    { clock, ackWaitMs }: { readonly clock: Clock; readonly ackWaitMs: number },
  ) {
    this.#clock = clock;
    this.#ackWaitMs = ackWaitMs;
    this.#arrived = new WakeLatch(clock);
    this.#subscription = bus.subscribe(consumer, (delivery) => this.#keep(delivery), this.#ended.signal);
    // Told to whoever takes or ends.
    this.#subscription.catch(() => this.#arrived.tell());
  }

  /** As many as there are, at most so many, and none only when none came in time. */
  async take(count: number, withinMs: number): Promise<BusDelivery[]> {
    const until = this.#clock.now().getTime() + withinMs;
    while (this.#waiting.length === 0 && !this.#ended.signal.aborted) {
      const leftMs = until - this.#clock.now().getTime();
      if (leftMs <= 0) return [];
      await Promise.race([this.#arrived.sleep(leftMs, this.#ended.signal), this.#subscription]);
    }
    return this.#waiting.splice(0, count).map(({ delivery, taken }) => {
      taken.abort();
      return delivery;
    });
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await this.#subscription;
  }

  async #keep(delivery: BusDelivery): Promise<void> {
    const taken = new AbortController();
    const waiting = { delivery, taken };
    this.#waiting.push(waiting);
    this.#arrived.tell();
    const either = AbortSignal.any([taken.signal, this.#ended.signal]);
    while (!either.aborted) {
      await this.#clock.sleep(this.#ackWaitMs / 3, either);
      if (!either.aborted) await delivery.inProgress();
    }
    if (!taken.signal.aborted) await delivery.nak({ reason: 'nobody asked for it' });
  }
}
