/** As long as a parent would wait before it insists. */
const ORPHAN_GRACE_MS = 10_000;
/** Longer than any grace that a worker or the relay gives what is under way. */
const STOP_WITHIN_MS = 60_000;

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP, and when the process that started this one has died (the IPC channel
 * closes): a worker nobody watches must not go on. A second signal ends the process at once.
 */
export function shutdownSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string) => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error(reason));
    exitAfter(STOP_WITHIN_MS);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(signal));
  process.once('disconnect', () => {
    if (!controller.signal.aborted) controller.abort(new Error('the parent process is gone'));
    // Nobody is left to insist. What it waits for may be gone too: a worker whose API died with the parent would try to
    // tell it a result until its own deadline.
    exitAfter(ORPHAN_GRACE_MS);
  });
  return controller.signal;
}

/** An end that waits for a database or a broker that is gone must not wait for ever. */
function exitAfter(milliseconds: number): void {
  setTimeout(() => process.exit(1), milliseconds).unref();
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Tells the process that started this one, if it listens, that the work has begun and where. */
export function announceReady(addresses: Readonly<Record<string, string>>): void {
  process.send?.({ ready: addresses });
}

/** The open channel to a parent would keep a finished process alive. */
export function releaseParent(): void {
  if (process.connected) process.disconnect();
}
