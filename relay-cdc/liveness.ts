import { replicationFailed } from './failures.ts';
import { WAL_SENDER_TIMEOUT_MS } from './replication-connection.ts';

/** Well within the 5 s that the port promises and the server's own patience. */
const REPORT_AFTER_MS = 3_000;
const PING_AFTER_MS = 5_000;
const RECEIVE_DEADLINE_MS = 30_000;

/** How often {@link Liveness.due} is to be asked. */
export const LIVENESS_TICK_MS = 1_000;

/** What of a session can be told by the clock alone: whether each side still takes the other for alive. */
export class Liveness {
  readonly #now: () => number;
  #sentAt: number;
  #receivedAt: number;
  #paused = false;

  /** @param now milliseconds of a clock that never goes back, and goes on while the process is stopped */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#sentAt = this.#receivedAt = now();
  }

  now(): number {
    return this.#now();
  }

  /** @param begunAt when what was sent was begun: a process that is frozen in the midst of it must not look alive afterwards */
  sent(begunAt = this.#now()): void {
    this.#sentAt = begunAt;
  }

  received(): void {
    this.#receivedAt = this.#now();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    // What came meanwhile waits in the socket: the silence was ours.
    this.received();
  }

  /** False once the server must have given this process up, whatever the socket still says. */
  isCurrent(): boolean {
    return this.#now() - this.#sentAt < WAL_SENDER_TIMEOUT_MS;
  }

  /**
   * Whether the server has answered of late. What is said into a cut connection counts as sent; a server that is pinged and
   * stays silent may have given this process up. While reading is paused there is no telling.
   */
  isHeard(): boolean {
    return this.#paused || this.#now() - this.#receivedAt < WAL_SENDER_TIMEOUT_MS;
  }

  /** What is to be said now. A ping is a report that asks for an answer. */
  due(): 'nothing' | 'report' | 'ping' {
    const now = this.#now();
    if (now - this.#sentAt < REPORT_AFTER_MS) return 'nothing';
    return !this.#paused && now - this.#receivedAt >= PING_AFTER_MS ? 'ping' : 'report';
  }

  /** Why the session is over, or undefined. */
  failure(): Error | undefined {
    if (!this.isCurrent()) {
      return replicationFailed('This process stood still for so long that PostgreSQL has given it up.');
    }
    if (this.#paused || this.#now() - this.#receivedAt <= RECEIVE_DEADLINE_MS) return undefined;
    return replicationFailed(`PostgreSQL was silent for ${RECEIVE_DEADLINE_MS / 1000} s. Check the network.`);
  }
}
