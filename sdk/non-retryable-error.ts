/**
 * Thrown by a handler when trying again cannot help: the job goes to the dead letters at once. Identity is the code, so
 * that it holds across bundles.
 */
export class NonRetryableError extends Error {
  override readonly name = 'NonRetryableError';
  readonly code = 'non_retryable';
}

export function isNonRetryable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'non_retryable';
}
