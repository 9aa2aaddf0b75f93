import type { Clock } from '../engine/ports/clock.ts';

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Rejects with the signal's reason when that aborts first; what was waited for then goes on unwatched. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  return Promise.race([promise, aborted(signal).then(() => Promise.reject(signal.reason))]);
}

/** Waits, but not for longer than this; what was waited for then goes on. A failure of it within the time is passed on. */
export async function atMost(promise: Promise<unknown>, milliseconds: number, clock: Clock): Promise<void> {
  const settled = new AbortController();
  promise.catch(() => undefined);
  try {
    await Promise.race([promise, clock.sleep(milliseconds, settled.signal)]);
  } finally {
    settled.abort();
  }
}
