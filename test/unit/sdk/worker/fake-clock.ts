import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../../engine/ports/clock.ts';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that moves only when it is told to, or with `auto` as soon as everything else has come to rest. */
export class FakeClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  #sleepers: Sleeper[] = [];

  now(): Date {
    return new Date(this.#now);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = { at: this.#now + milliseconds, wake: resolve };
      this.#sleepers.push(sleeper);
      const awake = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      };
      signal?.addEventListener('abort', awake, { once: true });
    });
  }

  /** How many wait for their time. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves on, waking each sleeper at its time and letting it do its work. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      await rest();
      const [next] = this.#sleepers.sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.#now = Math.max(this.#now, next.at);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      next.wake();
    }
    this.#now = end;
    await rest();
  }

  /** Moves on from sleeper to sleeper until the work is done. */
  async until<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finish = () => {
      done = true;
    };
    work.then(finish, finish);
    for (;;) {
      await rest();
      if (done) return work;
      const [next] = this.#sleepers.sort((a, b) => a.at - b.at);
      if (next) await this.advance(Math.max(0, next.at - this.#now));
    }
  }
}

/** Until promises that wait for nothing but each other have settled. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
}
