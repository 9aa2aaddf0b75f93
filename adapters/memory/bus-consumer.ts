import type { Clock } from '../../engine/ports/clock.ts';
import type { BusDelivery, ConsumerSpec, DeadMessage, StoredMessage } from '../../engine/ports/event-bus.ts';
import { subjectMatches } from '../../engine/subjects.ts';

interface Pending {
  readonly message: StoredMessage;
  count: number;
  timer: NodeJS.Timeout | undefined;
}

/** The place of one durable consumer in a stream, and what it has not settled. */
export class MemoryConsumer {
  readonly #messages: readonly StoredMessage[];
  readonly #clock: Clock;
  #spec: Required<ConsumerSpec>;
  #cursor = 0;
  readonly #pending = new Map<bigint, Pending>();
  /** What comes again as soon as somebody takes it. */
  #due: bigint[] = [];
  readonly #dead = new Map<bigint, DeadMessage>();
  #waiting: (() => void)[] = [];
  #isTaken = false;

  constructor(spec: Required<ConsumerSpec>, messages: readonly StoredMessage[], clock: Clock) {
    this.#spec = spec;
    this.#messages = messages;
    this.#clock = clock;
  }

  get ackWaitMs(): number {
    return this.#spec.ackWaitMs;
  }

  change(spec: Required<ConsumerSpec>): void {
    this.#spec = spec;
    this.announce();
  }

  /** Wakes all who wait for something to have changed. */
  announce(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.push(wake);
      signal.addEventListener('abort', wake);
    });
  }

  /** One member at a time. @returns undefined once the signal has aborted */
  async turn(signal: AbortSignal): Promise<AsyncDisposable | undefined> {
    while (this.#isTaken && !signal.aborted) await this.changed(signal);
    if (signal.aborted) return undefined;
    this.#isTaken = true;
    return {
      [Symbol.asyncDispose]: async () => {
        this.#isTaken = false;
        this.announce();
      },
    };
  }

  next(maxAgeMs: number): { delivery: BusDelivery; giveBack: () => Promise<void> } | undefined {
    const pending = this.#nextDue() ?? this.#nextNew(maxAgeMs);
    if (!pending) return undefined;
    pending.count += 1;
    const { count, message } = pending;
    this.#startTimer(pending);
    const giveBack = async () => {
      if (!this.#isCurrent(pending, count)) return;
      pending.count -= 1;
      this.#bringAgain(pending);
    };
    return { delivery: this.#delivery(message, pending, count), giveBack };
  }

  deadLetters(): DeadMessage[] {
    return [...this.#dead.values()].sort((a, b) => Number(a.sequence - b.sequence));
  }

  redrive(sequences: readonly bigint[]): number {
    const found = sequences.flatMap((sequence) => this.#dead.get(sequence) ?? []);
    for (const { deadAt: _, reason: __, deliveryCount: ___, ...message } of found) {
      this.#dead.delete(message.sequence);
      const pending = { message, count: 0, timer: undefined };
      this.#pending.set(message.sequence, pending);
      this.#bringAgain(pending);
    }
    return found.length;
  }

  backlog(maxAgeMs: number): number {
    const ahead = this.#messages.slice(this.#cursor);
    return this.#pending.size + ahead.filter((message) => this.#isWanted(message, maxAgeMs)).length;
  }

  close(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
  }

  #nextDue(): Pending | undefined {
    while (this.#due.length > 0) {
      const pending = this.#pending.get(this.#due.shift() ?? 0n);
      if (pending) return pending;
    }
    return undefined;
  }

  #nextNew(maxAgeMs: number): Pending | undefined {
    if (this.#pending.size >= this.#spec.maxPending) return undefined;
    for (let message = this.#messages[this.#cursor]; message; message = this.#messages[this.#cursor]) {
      this.#cursor += 1;
      if (!this.#isWanted(message, maxAgeMs)) continue;
      const pending = { message, count: 0, timer: undefined };
      this.#pending.set(message.sequence, pending);
      return pending;
    }
    return undefined;
  }

  #isWanted({ subject, publishedAt }: StoredMessage, maxAgeMs: number): boolean {
    const oldest = this.#clock.now().getTime() - maxAgeMs;
    return subjectMatches(this.#spec.filterSubject, subject) && publishedAt.getTime() >= oldest;
  }

  #delivery(message: StoredMessage, pending: Pending, count: number): BusDelivery {
    const ifCurrent = (act: () => void) => async () => {
      if (this.#isCurrent(pending, count)) act();
    };
    return {
      ...message,
      deliveryCount: count,
      ack: async () => this.#settle(message.sequence),
      nak: async ({ delayMs = 0, reason = 'it was not handled' } = {}) =>
        ifCurrent(() => {
          if (count >= this.#spec.maxDeliver) this.#bury(pending, reason);
          // Never at once: a handler that always fails would come again on microtasks alone, and no timer or abort be heard.
          else this.#startTimer(pending, delayMs);
        })(),
      inProgress: ifCurrent(() => this.#startTimer(pending)),
      term: async (reason) => ifCurrent(() => this.#bury(pending, reason))(),
    };
  }

  #isCurrent(pending: Pending, count: number): boolean {
    return this.#pending.get(pending.message.sequence) === pending && pending.count === count;
  }

  #startTimer(pending: Pending, ms = this.#spec.ackWaitMs): void {
    clearTimeout(pending.timer);
    pending.timer = setTimeout(() => {
      if (pending.count >= this.#spec.maxDeliver) this.#bury(pending, 'it was not acknowledged in time');
      else this.#bringAgain(pending);
    }, ms).unref();
  }

  #bringAgain(pending: Pending): void {
    clearTimeout(pending.timer);
    this.#due.push(pending.message.sequence);
    this.announce();
  }

  #bury({ message, count }: Pending, reason: string): void {
    this.#settle(message.sequence);
    this.#dead.set(message.sequence, { ...message, deliveryCount: count, reason, deadAt: this.#clock.now() });
  }

  #settle(sequence: bigint): void {
    clearTimeout(this.#pending.get(sequence)?.timer);
    this.#pending.delete(sequence);
    this.announce();
  }
}
