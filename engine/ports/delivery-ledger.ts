import type { ConsumerRef, ConsumerSpec, DeadMessage, StoredMessage, StreamSpec } from './event-bus.ts';
import type { LoggedMessage } from './message-log.ts';

/**
 * What a log cannot say of its consumers: which messages are settled, how often the others came, which are dead. Streams and
 * consumers are declared here. A consumer's messages are taken by the member with the newest term alone.
 */
export interface DeliveryLedger {
  streams(): Promise<readonly StreamSpec[]>;
  /** Runs `make` with what else is declared, while nobody else declares, and then writes the stream down. */
  ensureStream(stream: StreamSpec, make: (others: readonly StreamSpec[]) => Promise<void>): Promise<void>;
  /** @returns false when there is no such stream */
  ensureConsumer(consumer: Required<ConsumerSpec>): Promise<boolean>;
  consumer(ref: ConsumerRef): Promise<LedgerConsumer | undefined>;
  /** @returns false when a later term has it already */
  hold(consumer: LedgerConsumer, term: bigint): Promise<boolean>;
  places(consumer: LedgerConsumer): Promise<ReadonlyMap<string, bigint>>;
  /** Takes as many of the offered, from the first, as there is room for, and moves the place behind them, at once or not at all. */
  take(consumer: LedgerConsumer, term: bigint, offer: LedgerOffer): Promise<LedgerTaken>;
  /** Counts one more delivery of those whose time has come; what came often enough is dead. */
  due(consumer: LedgerConsumer, term: bigint, limit: number): Promise<LedgerDue>;
  /** Whichever delivery of it was acknowledged: the work was done. */
  ack(consumer: LedgerConsumer, sequences: readonly bigint[]): Promise<void>;
  postpone(ref: LedgerRef, again: { readonly delayMs: number; readonly reason: string }): Promise<void>;
  extend(ref: LedgerRef): Promise<void>;
  /** As if this delivery had not been. */
  undo(ref: LedgerRef): Promise<void>;
  bury(ref: LedgerRef, reason: string): Promise<void>;
  /** How many were taken and are neither acknowledged nor dead. */
  countOpen(consumer: LedgerConsumer): Promise<number>;
  dead(consumer: LedgerConsumer, limit: number): Promise<readonly DeadMessage[]>;
  revive(consumer: LedgerConsumer, sequences: readonly bigint[]): Promise<number>;
}

export interface LedgerConsumer extends Required<ConsumerSpec> {
  readonly id: string;
}

export interface LedgerOffer {
  readonly part: string;
  /** Those that the consumer's filter lets through. */
  readonly messages: readonly LoggedMessage[];
  /** The place to stand at when none of them, the first, the first two … are taken: what lies between was passed over. */
  readonly places: readonly bigint[];
}

export interface LedgerTaken {
  readonly isHeld: boolean;
  readonly count: number;
}

export interface LedgerDue {
  readonly messages: readonly LedgerDelivery[];
  /** When the next is due; undefined when none waits. */
  readonly dueInMs: number | undefined;
}

export interface LedgerDelivery extends StoredMessage {
  readonly deliveryCount: number;
}

/** One delivery of a message: what a former one says changes nothing. */
export interface LedgerRef {
  readonly consumer: LedgerConsumer;
  readonly sequence: bigint;
  readonly deliveryCount: number;
}
