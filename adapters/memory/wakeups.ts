import type { Clock } from '../../engine/ports/clock.ts';
import { type Sleeper, WakeLatch, type WakeupChannel, type Wakeups } from '../../engine/ports/wakeups.ts';

/** Hints within one process. */
export class MemoryWakeups implements Wakeups {
  readonly #clock: Clock;
  readonly #listeners = new Set<{ readonly channel: WakeupChannel; readonly latch: WakeLatch }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  tell(channel: WakeupChannel): void {
    for (const listener of this.#listeners) if (listener.channel === channel) listener.latch.tell();
  }

  listen(channel: WakeupChannel, signal: AbortSignal): Sleeper {
    const listener = { channel, latch: new WakeLatch(this.#clock) };
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
    return listener.latch;
  }
}
