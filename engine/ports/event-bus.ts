/**
 * Durable streams of messages by subject. Every implementation passes `eventBusSuite` of `@millrace/sdk/testing`, whose clauses
 * are these, in order:
 *
 * 1. `publish` resolves once every message is stored durably, with a number for each that no other of its stream has, and that
 *    is higher than those of its key before it, or of its subject where it has no key; subject, key, payload and headers arrive
 *    as they were given.
 * 2. A subject that no stream claims is refused with `stream_missing`, and streams whose subjects overlap with
 *    `configuration`; of a refused call nothing is stored.
 * 3. A message over the limit is refused with `message_too_large`, which names its index, its size and the limit; of the call
 *    nothing is stored.
 * 4. A consumer gets what matches its `filterSubject`, and only that: `*` is one token, `>` one or more at the end
 *    (`engine/subjects.ts`).
 * 5. A consumer is durable: it begins at the first message of its stream, and resumes where it was. Each has its own place.
 * 6. First deliveries of one key come in the order of publishing, one at a time. What comes again is outside of that order.
 * 7. A message is done when it itself was acknowledged. Otherwise it comes again after `ackWaitMs`, counted from the delivery
 *    or from the last `inProgress`.
 * 8. `nak`, or a handler that rejects, brings it again after the delay asked for, at once without one.
 * 9. What was delivered `maxDeliver` times in vain, or was ended by `term`, is a dead letter: it does not come again, can be
 *    listed with its reason, and comes anew when redriven. It holds up nothing behind it.
 * 10. At most `maxPending` messages are delivered and not settled at any time.
 * 11. Aborting the signal ends `subscribe` after the handlers under way; what they settle counts. The next member goes on.
 * 12. Whatever publishes and consumes at the same time, nothing is passed over.
 * 13. `backlog` is 0 only when each message that was published before the call is acknowledged or a dead letter.
 */
export interface EventBus {
  /** Makes the stream, or changes it to this. */
  ensureStream(stream: StreamSpec): Promise<void>;
  /** Makes the consumer, or changes it to this; its place in the stream stays. */
  ensureConsumer(consumer: ConsumerSpec): Promise<void>;
  /**
   * Of a call that is refused nothing is stored. One that fails otherwise may have stored part of it with a broker that has no
   * transactions: publish it again. @returns the sequence of each
   */
  publish(messages: readonly BusMessage[]): Promise<readonly bigint[]>;
  /**
   * Hands each message to `handle`, which settles it by a call on the delivery; one that returns without is as one that is
   * still at work. Resolves once the signal has aborted and what was under way has ended. Members of one consumer share it.
   */
  subscribe(consumer: ConsumerRef, handle: HandleDelivery, signal: AbortSignal): Promise<void>;
  /** Oldest first. */
  deadLetters(consumer: ConsumerRef, options: { readonly limit: number }): Promise<readonly DeadMessage[]>;
  /** Delivers these anew, their count beginning at one. @returns how many there were */
  redrive(consumer: ConsumerRef, sequences: readonly bigint[]): Promise<number>;
  /**
   * How many messages the consumer has yet to be done with, at the time of the call. What the filter will pass over may be
   * counted until a member has passed it over, and a broker that cannot count says 1 for any number.
   */
  backlog(consumer: ConsumerRef): Promise<number>;
  /** Safe to call twice; subscriptions are ended by their own signals before. */
  close(): Promise<void>;
}

export type HandleDelivery = (delivery: BusDelivery) => Promise<void>;

export interface StreamSpec {
  /** Letters, digits, `_`, `=` and `-`; at most 250. */
  readonly name: string;
  /** Patterns; no two streams may claim the same subject. */
  readonly subjects: readonly string[];
  /** Messages older than this are deleted, consumed or not; kept for ever unless given. */
  readonly maxAgeMs?: number;
}

export interface ConsumerRef {
  readonly stream: string;
  readonly name: string;
}

export interface ConsumerSpec extends ConsumerRef {
  /** All of the stream unless given. */
  readonly filterSubject?: string;
  /** 30 s unless given. */
  readonly ackWaitMs?: number;
  /** 5 unless given. */
  readonly maxDeliver?: number;
  /** 256 unless given. */
  readonly maxPending?: number;
}

export interface BusMessage {
  readonly subject: string;
  /** Messages of one key keep their order; those without one have none. */
  readonly key?: string;
  readonly payload: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StoredMessage extends Required<BusMessage> {
  /** Names it in its stream, and rises along a key; empty numbers in between mean nothing. */
  readonly sequence: bigint;
  readonly publishedAt: Date;
}

/** The methods resolve when what they say is stored; on a delivery whose time is over `ack` still counts, the others do nothing. */
export interface BusDelivery extends StoredMessage {
  /** 1 the first time. */
  readonly deliveryCount: number;
  ack(): Promise<void>;
  nak(options?: { readonly delayMs?: number; readonly reason?: string }): Promise<void>;
  /** Another `ackWaitMs` from now. */
  inProgress(): Promise<void>;
  /** Never again: makes it a dead letter. */
  term(reason: string): Promise<void>;
}

export interface DeadMessage extends StoredMessage {
  readonly deliveryCount: number;
  readonly reason: string;
  readonly deadAt: Date;
}

/** What a consumer is when nothing else is said; the same with every provider. */
export const consumerDefaults = {
  filterSubject: '>',
  ackWaitMs: 30_000,
  maxDeliver: 5,
  maxPending: 256,
} as const satisfies Omit<Required<ConsumerSpec>, keyof ConsumerRef>;
