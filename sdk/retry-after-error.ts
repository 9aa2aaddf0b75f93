/**
 * Thrown by a handler that knows when trying again can help, for instance after a 429: the next attempt begins then, and
 * not after the delay of the retry policy. It counts as an attempt; without any left the job goes to the dead letters.
 * Identity is the code, so that it holds across bundles.
 */
export class RetryAfterError extends Error {
  override readonly name = 'RetryAfterError';
  readonly code = 'retry_after';
  readonly retryAfterMs: number;

  /** @param retryAfterMs from now, in milliseconds; at most 30 days */
  constructor(retryAfterMs: number, message = `try again after ${retryAfterMs} ms`, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

const LONGEST_MS = 30 * 24 * 3_600_000;

/** What the API takes, whatever was thrown: a wait that is no number is left to the retry policy. */
export function retryAfterOf(error: unknown): number | undefined {
  const isOurs = error instanceof Error && 'code' in error && error.code === 'retry_after';
  if (!isOurs || !('retryAfterMs' in error)) return undefined;
  const ms = Number(error.retryAfterMs);
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_MS, Math.max(0, Math.ceil(ms)));
}
