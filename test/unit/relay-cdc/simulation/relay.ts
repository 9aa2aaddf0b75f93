import type { SimSession } from './postgres.ts';
import { type SimDeps, SimTerm } from './term.ts';

const SERVER_GIVES_UP_MS = 10_000;

/** One process: candidate, leader, frozen, dead. */
export class SimRelay {
  readonly #deps: SimDeps;
  isUp = true;
  /** Whether nothing more shall come from it once its term is over. */
  isStopping = false;
  frozenSince: number | undefined;
  session: SimSession | undefined;
  #term: SimTerm | undefined;

  constructor(deps: SimDeps) {
    this.#deps = deps;
  }

  get term(): SimTerm | undefined {
    return this.#term;
  }

  get runs(): boolean {
    return this.isUp && this.frozenSince === undefined;
  }

  /** The next step towards leadership: connect, ask for the lock, begin a term. */
  stand(): void {
    const { postgres, now } = this.#deps;
    if (!this.runs || this.isStopping || this.#term) return;
    if (!this.session) this.session = postgres.connect(now());
    else if (this.session.isCut) return;
    else if (!this.session.isAlive) this.session = undefined;
    else if (postgres.tryLock(this.session)) this.#term = new SimTerm(this.#deps, this.session);
  }

  read(messages: number): void {
    if (this.runs) this.#do((term) => term.read(messages));
    // A candidate learns of the end of its connection as well.
    if (this.runs && this.session && !this.session.isAlive && !this.session.isCut) this.#endTerm();
  }

  tick(): void {
    if (this.runs) this.#do((term) => term.tick());
  }

  answer(): void {
    if (this.runs) this.#do((term) => term.answer());
  }

  failPublish(): void {
    if (this.runs) this.#do((term) => term.fail());
  }

  heartbeat(): void {
    if (this.runs) this.#do((term) => term.heartbeat());
  }

  /** SIGTERM, and each further step of the hand-over. */
  stop(): void {
    if (!this.runs) return;
    this.isStopping = true;
    this.#do((term) => term.handOver());
    if (!this.#term) this.#endTerm();
  }

  kill(): void {
    this.#term?.abandon();
    this.#endTerm();
    this.isUp = false;
    this.frozenSince = undefined;
  }

  restart(): void {
    if (this.#term) return;
    this.isUp = true;
    this.isStopping = false;
  }

  freeze(): void {
    if (this.runs) this.frozenSince = this.#deps.now();
  }

  thaw(): void {
    if (this.frozenSince === undefined) return;
    const frozenMs = this.#deps.now() - this.frozenSince;
    this.frozenSince = undefined;
    if (this.#term && frozenMs >= SERVER_GIVES_UP_MS) this.#term.wasGivenUp = true;
  }

  #do(step: (term: SimTerm) => void): void {
    const term = this.#term;
    if (!term) return;
    step(term);
    if (term.phase === 'over') this.#endTerm();
  }

  #endTerm(): void {
    this.#term = undefined;
    const { session } = this;
    this.session = undefined;
    // A cut connection is closed on this side only: the server still waits for its other end.
    if (session && !session.isCut) this.#deps.postgres.end(session);
  }
}
