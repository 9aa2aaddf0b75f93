import { MillraceError, type MillraceErrorOptions } from '../engine/errors.ts';

/** A failure of the replication session. Retryable means: a new term may go better; otherwise the process ends. */
export function replicationFailed(message: string, options: MillraceErrorOptions = {}): MillraceError {
  return new MillraceError('replication_failed', message, { retryable: true, ...options });
}

/** The stream holds what this code must not pass over: going on would lose jobs without a word. */
export function streamBroken(message: string, options: MillraceErrorOptions = {}): MillraceError {
  return new MillraceError('replication_failed', message, { ...options, retryable: false });
}

export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(reasonOf).join('; ');
  }
  return error instanceof Error ? error.message || error.name : String(error);
}
