/** Time as a dependency: logic neither reads a clock nor sleeps by itself. */
export interface Clock {
  now(): Date;
  /** Resolves after the duration, or at once when the signal aborts. Never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
