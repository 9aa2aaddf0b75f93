import type { BusMessage, StoredMessage, StreamSpec } from './event-bus.ts';

/**
 * A log in parts (partitions, shards) that an event bus is made of, together with a {@link DeliveryLedger}. It keeps messages
 * in order and lets them be read from a place; it knows nothing of consumers.
 */
export interface MessageLog {
  /** As it stands in the ledger: `kafka`, `kinesis`. */
  readonly provider: string;
  /** Makes what holds the stream, or changes it to this. */
  ensure(stream: StreamSpec): Promise<void>;
  /**
   * Stores them durably; messages of one key keep their order, over calls too. One that fails may have stored part.
   * @returns the sequence of each
   */
  append(messages: readonly LogMessage[]): Promise<readonly bigint[]>;
  /** Reads on behind these places, by part; a part that is not named from its beginning. */
  read(stream: string, behind: ReadonlyMap<string, bigint>): Promise<LogReader>;
  /** How many messages lie behind these places; 1 for any number where they cannot be counted. */
  countBehind(stream: string, behind: ReadonlyMap<string, bigint>): Promise<number>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

export interface LogMessage extends Required<BusMessage> {
  readonly stream: string;
}

export interface LogReader {
  /** What comes next, of any part; nothing when the signal aborts, or now and then when there is nothing. */
  next(signal: AbortSignal): Promise<readonly LogChunk[]>;
  close(): Promise<void>;
}

/** A stretch of one part, in its order. */
export interface LogChunk {
  readonly part: string;
  readonly messages: readonly LoggedMessage[];
}

export interface LoggedMessage extends StoredMessage {
  /** In its part, rising. */
  readonly place: bigint;
}
