import type { Clock } from '../engine/ports/clock.ts';

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Rejects with the signal's reason when that aborts first; what was waited for then goes on unwatched. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: broken, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, broken]);
  } finally {
    // A signal that outlives many waits would keep a listener of each.
    signal.removeEventListener('abort', onAbort);
  }
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
