import type { Lsn, Topic } from '../events/ids.ts';
import type { Lent } from './piece.ts';

/** One row of the outbox as the log shows it, or a message in its place. */
export interface OutboxRow {
  readonly id: bigint;
  readonly topic: Topic;
  readonly messageCount: number;
  /** A view of `memory`, if that is there. */
  readonly messages: Buffer;
  /** To be released when nobody will look at the messages any more. */
  readonly memory?: Lent;
  /** Only of one that is in the log alone (`outbox-message.ts`): there is nothing to clear. */
  readonly hint?: Hint;
}

export interface Hint {
  /** The 16 bytes by which the jobs of a pack know it, where they do. */
  readonly dispatchId: Buffer | undefined;
}

/**
 * Receives the log in commit order. Called synchronously as bytes are read, so that every transaction is known here before
 * anything else can happen. A throw ends the session.
 */
export interface WalSink {
  /**
   * @param commitLsn where the commit record starts: known now, unlike its end
   * @param ageMs how long ago it was committed when the server sent it, by the server's clock alone
   */
  begin(commitLsn: Lsn, ageMs: number): void;
  insert(row: OutboxRow): void;
  /** @param endLsn the end of the commit record: what may be confirmed once every row is with the broker */
  commit(endLsn: Lsn): void;
  /** All transactions that end before `walEnd` have been handed over. */
  keepalive(walEnd: Lsn): void;
  /** Everything one read brought has been handed over. */
  readEnd(): void;
}

/**
 * A stream of the outbox's log from a replication slot. Two implementations: `session.ts`, the default, and
 * `session-pglr.ts`. What both promise:
 *
 * 1. Only what `confirm` was given is ever confirmed to the server; being alive is reported without it, at least every
 *    5 s, whether or not reading is paused.
 * 2. A confirmed position is reported within 100 ms.
 * 3. While paused, at most what had been read already is handed over.
 * 4. `run` rejects when the connection is lost, the server is silent for 30 s, or the slot or the stream is refused.
 */
export interface WalSession {
  /** Streams into the sink. Resolves after `stop`, rejects on failure. Call once. */
  run(sink: WalSink): Promise<void>;
  /** Everything before this position is with the broker. Positions never go back. */
  confirm(lsn: Lsn): void;
  pause(): void;
  resume(): void;
  /** False once this process has been silent for so long that the server has given it up, whatever the socket says. */
  isCurrent(): boolean;
  /** Reports the confirmed position, waits until the server has it, and ends the stream. Safe to call twice. */
  stop(): Promise<void>;
}
