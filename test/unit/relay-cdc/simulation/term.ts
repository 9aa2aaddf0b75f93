import type { Lsn } from '../../../../events/ids.ts';
import { LIVENESS_TICK_MS, Liveness } from '../../../../relay-cdc/liveness.ts';
import { RelayCore } from '../../../../relay-cdc/relay-core.ts';
import { StreamPosition } from '../../../../relay-cdc/stream-position.ts';
import { mayPublish, nextPhase, startPosition, type TermPhase } from '../../../../relay-cdc/term-rules.ts';
import { check } from './check.ts';
import type { SimKafka, SimRequest } from './kafka.ts';
import type { SimPostgres, SimRow, SimSession } from './postgres.ts';

/** Small, so that every limit is met within a short schedule. */
export const LIMITS = {
  unackedBytes: 2_500,
  unackedTransactions: 6,
  batchMessages: 4,
  batchBytes: 1_000,
  unclearedMessages: 100,
};
const CONFIRM_DELAY_MS = 40;

export type Reached =
  | 'hand-over'
  | 'hand-over within a transaction'
  | 'takeover'
  | 'pause'
  | 'refused'
  | 'slot behind the record';

export interface SimDeps {
  readonly postgres: SimPostgres;
  readonly kafka: SimKafka;
  now(): number;
  /** Counted, to know that the schedules come to what they are to try. */
  reached(what: Reached): void;
}

/**
 * One leadership. Everything it decides is decided by the code that runs in production; what is written here is only what
 * carries it out: sockets, timers and promises, as steps.
 */
export class SimTerm {
  readonly #deps: SimDeps;
  readonly #session: SimSession;
  readonly number: bigint;
  readonly start: Lsn;
  readonly #core: RelayCore;
  readonly #position: StreamPosition;
  readonly #liveness: Liveness;
  phase: TermPhase = 'leading';
  wasGivenUp = false;
  #isReading = true;
  #request: SimRequest | undefined;
  #reportAt: number | undefined;
  #askAt: number | undefined;
  #tickAt: number;

  constructor(deps: SimDeps, session: SimSession) {
    const { postgres, now } = deps;
    this.#deps = deps;
    this.#session = session;
    postgres.state.term += 1n;
    this.number = postgres.state.term;
    const { slot, state, position } = postgres;
    this.start = startPosition({ slot: slot.confirmed, recorded: state.confirmed, written: position });
    // The holder of the lock ends whoever still streams.
    if (postgres.streamer && postgres.streamer !== session) postgres.end(postgres.streamer);
    this.#checkHandOver();
    if (this.number > 1n) deps.reached('takeover');
    if (this.start > slot.confirmed) deps.reached('slot behind the record');
    postgres.stream(session, this.start);
    session.heardAt = now();
    this.#core = new RelayCore(this.start, LIMITS);
    this.#position = new StreamPosition(this.start);
    this.#liveness = new Liveness(now);
    this.#tickAt = now() + LIVENESS_TICK_MS;
  }

  get watermark(): Lsn {
    return this.#core.watermark;
  }

  /** Takes up to this many messages from the socket, as one read of it does. */
  read(messages: number): void {
    const { toClient, isCut } = this.#session;
    if (!this.#isReading || isCut || toClient.length === 0) return;
    if (!this.#stillCurrent()) return;
    this.#liveness.received();
    for (let count = 0; count < messages && this.phase !== 'over'; count += 1) {
      const message = toClient.shift();
      if (!message) break;
      if (message.kind === 'begin') this.#core.begin(message.lsn, 0, 0);
      else if (message.kind === 'insert') this.#core.insert(message.row);
      else if (message.kind === 'closed') this.fail();
      else {
        if (message.kind === 'commit') this.#core.commit(message.lsn);
        else this.#core.keepalive(message.lsn);
        this.#position.received(message.lsn);
        if (message.kind === 'keepalive') {
          this.#confirm(this.#core.watermark);
          if (message.replyRequested) this.#report();
        }
      }
    }
    if (this.phase !== 'over') this.#act();
  }

  /** Whatever timers are due. */
  tick(): void {
    const now = this.#deps.now();
    if (now >= this.#tickAt) {
      this.#tickAt = now + LIVENESS_TICK_MS;
      if (this.#liveness.failure()) this.fail();
      else if (this.#liveness.due() !== 'nothing') this.#report();
    }
    if (this.#reportAt !== undefined && now >= this.#reportAt) this.#report();
    if (this.phase !== 'over' && this.#askAt !== undefined && now >= this.#askAt) this.#act();
  }

  /** The broker's answer, if it has the whole request. */
  answer(): void {
    const request = this.#request;
    if (!request || request.landed < request.parts.length) return;
    this.#request = undefined;
    for (const part of request.parts) this.#clear(part.rows);
    this.#core.published();
    this.#act();
  }

  heartbeat(): void {
    if (this.#session.isCut || this.phase !== 'leading') return;
    const { postgres } = this.#deps;
    if (!postgres.recordProgress(this.number, this.#core.watermark)) this.fail();
  }

  /** The first time it begins the hand-over; then each call is the end of a phase, when there is nothing to wait for. */
  handOver(): void {
    if (this.phase === 'leading') {
      this.phase = nextPhase(this.phase, 'stop');
      return;
    }
    if (this.phase === 'ending_duties') this.#core.drain();
    if (this.phase === 'draining' && !this.#act()) {
      this.#deps.reached('hand-over within a transaction');
      return;
    }
    if (this.phase === 'ending_stream') this.#endStream();
    if (this.phase === 'over') return;
    this.phase = nextPhase(this.phase, 'done');
    const { postgres } = this.#deps;
    const isHeard = this.#session.isAlive && !this.#session.isCut;
    if (this.phase === 'over' && isHeard) {
      postgres.handedOver = { term: this.number, crashes: postgres.crashes };
      this.#deps.reached('hand-over');
    }
  }

  fail(): void {
    this.#core.stop();
    this.abandon();
    this.phase = nextPhase(this.phase, 'failure');
  }

  abandon(): void {
    if (this.#request) this.#request.isAbandoned = true;
    this.#request = undefined;
  }

  /** A hand-over leaves nothing to repeat, as long as the server's slot has not gone back since. */
  #checkHandOver(): void {
    const { postgres, kafka } = this.#deps;
    const before = postgres.handedOver;
    postgres.handedOver = undefined;
    if (!before || before.crashes !== postgres.crashes) return;
    for (const { commitLsn, rows } of postgres.transactions) {
      if (commitLsn < this.start) continue;
      for (const row of rows)
        check(!kafka.has(row, before.term), 'after a hand-over nothing is published again');
    }
  }

  /** @returns whether a hand-over has nothing more to publish */
  #act(): boolean {
    const now = this.#deps.now();
    const { confirm, reading, publish, waitMs, drained } = this.#core.decide(now);
    this.#confirm(confirm);
    this.#askAt = waitMs === undefined ? undefined : now + waitMs;
    if (reading === 'pause') this.#liveness.pause();
    else if (reading === 'resume') this.#liveness.resume();
    if (reading) this.#isReading = reading === 'resume';
    if (reading === 'pause') this.#deps.reached('pause');
    if (publish) this.#publish(publish.map(({ row }) => row as SimRow));
    return drained;
  }

  #publish(rows: readonly SimRow[]): void {
    if (!mayPublish(this.phase, this.#liveness.isCurrent())) {
      this.#deps.reached('refused');
      this.fail();
      return;
    }
    check(this.#request === undefined, 'one call to the broker at a time');
    check(!this.wasGivenUp, 'a process that stood still until it was given up publishes nothing new');
    check(rows.length > 0, 'a call to the broker has something to publish');
    check(rows.length <= LIMITS.batchMessages, 'a batch keeps to its size');
    this.#request = this.#deps.kafka.request(this.number, rows);
  }

  #confirm(lsn: Lsn): void {
    if (this.#position.confirm(lsn)) this.#reportAt ??= this.#deps.now() + CONFIRM_DELAY_MS;
  }

  #report(): void {
    this.#reportAt = undefined;
    if (this.phase === 'over' || !this.#stillCurrent()) return;
    this.#session.toServer.push(this.#position.status().flushed);
    this.#liveness.sent();
  }

  /** Reports, and waits until the server has it, unless that cannot be told. */
  #endStream(): void {
    this.#report();
    const { postgres, now } = this.#deps;
    while (postgres.hear(this.#session, now()) !== undefined);
  }

  #stillCurrent(): boolean {
    if (this.#liveness.isCurrent()) return true;
    this.fail();
    return false;
  }

  #clear(rows: readonly SimRow[]): void {
    for (const row of rows) {
      check(this.#deps.kafka.has(row), 'a row leaves the outbox only when the broker has it');
      this.#deps.postgres.outbox.delete(row.id);
    }
  }
}
