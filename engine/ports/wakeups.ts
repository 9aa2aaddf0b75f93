import type { Clock } from './clock.ts';

/**
 * `millrace_due`: a job waits that is due sooner than those that waited before it. `millrace_workflow`: the same of an
 * instance, or a message has come for one. `millrace_schedules`: somebody has made or changed a schedule.
 * `millrace_limits`: a job waits for a limit, or one that was counted against it has moved. `millrace_mode`: jobs go to the
 * broker again that did not for a while. `millrace_eventbus`: messages were published.
 */
export const wakeupChannels = [
  'millrace_due',
  'millrace_workflow',
  'millrace_schedules',
  'millrace_limits',
  'millrace_mode',
  'millrace_eventbus',
] as const;

export type WakeupChannel = (typeof wakeupChannels)[number];

/**
 * Hints from other processes to one that sleeps. A hint may come for nothing, and may be lost with a connection: whoever
 * relies on them also wakes by itself now and then. Adapters are made of a {@link WakeLatch}.
 */
export interface Wakeups {
  /** Listens until the signal aborts. Never rejects, and what it returns works at once: lost connections are made anew. */
  listen(channel: WakeupChannel, signal: AbortSignal): Sleeper;
}

export interface Sleeper {
  /**
   * Resolves after the duration, when the signal aborts, or at a hint. A hint that came while nobody slept counts for the
   * next sleep, so that none falls between looking for work and lying down. One sleeper at a time.
   */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export class WakeLatch implements Sleeper {
  readonly #clock: Clock;
  #isTold = false;
  #asleep: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  tell(): void {
    this.#isTold = true;
    this.#asleep?.abort();
  }

  async sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#isTold) {
      this.#asleep = new AbortController();
      await this.#clock.sleep(milliseconds, AbortSignal.any([signal, this.#asleep.signal]));
      this.#asleep = undefined;
    }
    this.#isTold = false;
  }
}
