import type { Lsn, Topic } from '../../../../events/ids.ts';
import type { OutboxRow } from '../../../../relay-cdc/wal-session.ts';
import { check } from './check.ts';

/** What the server sends, in the order in which it sends it. */
export type WalMessage =
  | { readonly kind: 'begin'; readonly lsn: Lsn }
  | { readonly kind: 'insert'; readonly row: SimRow }
  | { readonly kind: 'commit'; readonly lsn: Lsn }
  | { readonly kind: 'keepalive'; readonly lsn: Lsn; readonly replyRequested: boolean }
  | { readonly kind: 'closed' };

export interface SimRow extends OutboxRow {
  /** Which of the keys, and with it the partition. */
  readonly key: number;
  /** Place among the rows of its key, in the order of commits. */
  readonly place: number;
  readonly commitLsn: Lsn;
}

export interface SimTransaction {
  readonly commitLsn: Lsn;
  readonly endLsn: Lsn;
  readonly rows: readonly SimRow[];
}

/** One replication connection, with what is under way on it in either direction. */
export class SimSession {
  readonly toClient: WalMessage[] = [];
  readonly toServer: Lsn[] = [];
  isAlive = true;
  /** While it is cut nothing arrives at either end, and neither learns of the other's end. */
  isCut = false;
  heardAt: number;
  isStreaming = false;
  /** Index of the transaction to send next, and of the message within it. */
  next = 0;
  part = 0;
  sent = 0n as Lsn;

  constructor(now: number) {
    this.heardAt = now;
  }
}

const KEYS = 3;
const TOPIC = 'simulated' as Topic;
const MESSAGES = Buffer.alloc(100);
const RECORD = 8n;
/** What the relay asks of the server. */
const SENDER_TIMEOUT_MS = 10_000;
/** When TCP gives up a connection on which nothing streams. */
const TCP_TIMEOUT_MS = 20_000;

/** As much of PostgreSQL as a relay can tell: the log, a slot, an advisory lock, the outbox and the row of the relay. */
export class SimPostgres {
  readonly transactions: SimTransaction[] = [];
  readonly outbox = new Set<bigint>();
  readonly slot = { confirmed: 0n as Lsn, checkpointed: 0n as Lsn };
  readonly state = { term: 0n, confirmed: undefined as Lsn | undefined };
  lockHolder: SimSession | undefined;
  streamer: SimSession | undefined;
  crashes = 0;
  /** The term that ended in order, if the last one did. */
  handedOver: { readonly term: bigint; readonly crashes: number } | undefined;
  position = 0n as Lsn;
  readonly #places = new Array<number>(KEYS).fill(0);
  #sessions: SimSession[] = [];
  #rows = 0n;

  /** @param gap what others wrote between the last commit and this one; 0 makes the two adjacent */
  commit(rows: number, { gap, keys }: { gap: bigint; keys: number }): void {
    const commitLsn = (this.position + gap) as Lsn;
    const endLsn = (commitLsn + RECORD) as Lsn;
    const made: SimRow[] = [];
    for (let index = 0; index < rows; index += 1) {
      const key = (keys + index) % KEYS;
      this.#rows += 1n;
      const place = this.#places[key] ?? 0;
      this.#places[key] = place + 1;
      this.outbox.add(this.#rows);
      made.push({ id: this.#rows, key, place, commitLsn, topic: TOPIC, messageCount: 1, messages: MESSAGES });
    }
    this.transactions.push({ commitLsn, endLsn, rows: made });
    this.position = endLsn;
  }

  writeOther(bytes: bigint): void {
    this.position = (this.position + bytes) as Lsn;
  }

  connect(now: number): SimSession {
    const session = new SimSession(now);
    this.#sessions.push(session);
    return session;
  }

  tryLock(session: SimSession): boolean {
    if (!session.isAlive || (this.lockHolder && this.lockHolder !== session)) return false;
    this.lockHolder = session;
    return true;
  }

  stream(session: SimSession, start: Lsn): void {
    check(session === this.lockHolder, 'only the holder of the lock streams');
    check(this.streamer === undefined, 'a slot streams to one session');
    this.streamer = session;
    session.isStreaming = true;
    // As the server does: never from before what is confirmed, and a commit that begins before the start is skipped.
    const from = start > this.slot.confirmed ? start : this.slot.confirmed;
    const found = this.transactions.findIndex(({ commitLsn }) => commitLsn >= from);
    session.next = found < 0 ? this.transactions.length : found;
    session.sent = from;
  }

  /** Sends one more message of the log. */
  send(session: SimSession): void {
    const transaction = this.transactions[session.next];
    if (!session.isStreaming || !session.isAlive || !transaction) return;
    const row = transaction.rows[session.part - 1];
    if (session.part === 0) session.toClient.push({ kind: 'begin', lsn: transaction.commitLsn });
    else if (row) session.toClient.push({ kind: 'insert', row });
    else {
      session.toClient.push({ kind: 'commit', lsn: transaction.endLsn });
      session.next += 1;
      session.part = -1;
      session.sent = transaction.endLsn;
    }
    session.part += 1;
  }

  keepalive(session: SimSession, replyRequested: boolean): void {
    if (!session.isStreaming || !session.isAlive) return;
    if (session.next === this.transactions.length) session.sent = this.position;
    session.toClient.push({ kind: 'keepalive', lsn: session.sent, replyRequested });
  }

  /** Takes in one report of the client. @returns what was reported as flushed */
  hear(session: SimSession, now: number): Lsn | undefined {
    if (!session.isAlive || session.isCut) return undefined;
    const flushed = session.toServer.shift();
    if (flushed === undefined) return undefined;
    session.heardAt = now;
    if (session === this.streamer && flushed > this.slot.confirmed) this.slot.confirmed = flushed;
    return flushed;
  }

  /** Ends sessions that the server has not heard of for too long. */
  reap(now: number): void {
    for (const session of this.#sessions) {
      const patience = session.isStreaming ? SENDER_TIMEOUT_MS : TCP_TIMEOUT_MS;
      if (now - session.heardAt < patience) continue;
      if (session.isStreaming || session.isCut) this.end(session);
    }
  }

  end(session: SimSession): void {
    if (!session.isAlive) return;
    session.isAlive = false;
    session.toServer.length = 0;
    session.toClient.push({ kind: 'closed' });
    if (this.lockHolder === session) this.lockHolder = undefined;
    if (this.streamer === session) this.streamer = undefined;
    this.#sessions = this.#sessions.filter((one) => one !== session);
  }

  checkpoint(): void {
    this.slot.checkpointed = this.slot.confirmed;
  }

  /** All that was committed stays; the slot goes back to the last checkpoint. */
  crash(): void {
    this.crashes += 1;
    for (const session of [...this.#sessions]) this.end(session);
    this.slot.confirmed = this.slot.checkpointed;
  }

  /** The heartbeat's statement. @returns false when another term has begun */
  recordProgress(term: bigint, confirmed: Lsn): boolean {
    if (this.state.term !== term) return false;
    const before = this.state.confirmed;
    if (before === undefined || confirmed > before) this.state.confirmed = confirmed;
    return true;
  }
}
