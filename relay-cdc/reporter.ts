import { LIVENESS_TICK_MS, type Liveness } from './liveness.ts';

export interface ReporterDeps {
  readonly liveness: Liveness;
  /** While it is `starting` there is nothing to report, only silence to notice; once `over`, neither. */
  readonly phase: () => 'starting' | 'streaming' | 'over';
  /** Sends the confirmed position. @param ping whether to ask for an answer */
  readonly send: (ping: boolean) => void;
  readonly fail: (error: unknown) => void;
}

/** Fewer messages than one a commit, and still well within the 100 ms that the port promises. */
const CONFIRM_DELAY_MS = 40;

/**
 * When a session reports: soon after a confirmation, and often enough to be taken for alive, whether or not reading is paused:
 * the server must not take a slow broker for a dead relay.
 */
export class Reporter {
  readonly #deps: ReporterDeps;
  #tick: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { liveness } = this.#deps;
    liveness.sent();
    liveness.received();
    this.#tick = setInterval(() => this.#look(), LIVENESS_TICK_MS);
  }

  stop(): void {
    clearInterval(this.#tick);
    clearTimeout(this.#soon);
  }

  soon(): void {
    this.#soon ??= setTimeout(() => this.report(), CONFIRM_DELAY_MS);
  }

  report(ping = false): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const { liveness, phase, send } = this.#deps;
    const begunAt = liveness.now();
    if (phase() !== 'streaming' || !this.stillCurrent()) return;
    send(ping);
    liveness.sent(begunAt);
  }

  /**
   * To be asked before anything is read or said: a process that was frozen finds bytes in the socket and timers that are due
   * from before it was given up, and one report would make it look alive to itself.
   */
  stillCurrent(): boolean {
    const { liveness, phase, fail } = this.#deps;
    if (phase() === 'over' || liveness.isCurrent()) return true;
    fail(liveness.failure());
    return false;
  }

  #look(): void {
    const { liveness, phase, fail } = this.#deps;
    const begunAt = liveness.now();
    const failure = liveness.failure();
    if (failure && phase() !== 'over') {
      fail(failure);
      return;
    }
    // No report can be sent before the stream runs, and the server waits for none.
    if (phase() === 'starting') liveness.sent(begunAt);
    const due = liveness.due();
    if (due !== 'nothing') this.report(due === 'ping');
  }
}
