/**
 * Every failure Millrace names. Identity is the code (bundlers rename classes), and the list is closed: the table of the
 * HTTP API (`functions/http/problem.ts`) and the documentation are made from it.
 */
export const errorCodes = {
  malformed_json: 'The body is not JSON.',
  invalid_request: 'The request does not have the documented shape; `errors` names each field.',
  body_too_large: 'The body or a payload is larger than the limit.',
  unauthorized: 'The request brings no key or token that is let in.',
  forbidden: 'The key does not have the scope that this takes.',
  too_many_requests: 'The key has sent more requests than its rate allows.',
  unknown_job_type: 'No handler is registered for this job type.',
  not_found: 'No such thing.',
  method_not_allowed: 'The path exists, and takes other methods.',
  idempotency_conflict: 'The idempotency key was used with another request.',
  schedule_exists: 'There is a schedule of this name already.',
  illegal_transition: 'The job is not in a state from which this is allowed.',
  poll_disabled: 'Jobs reach workers through Kafka topics here, not by polling.',
  stale_token:
    'The token is not the one of the current attempt: the result came too late and was recorded, not applied.',
  workflow_ended: 'The workflow instance has ended.',
  unavailable:
    'A system this depends on cannot be reached. Try again; an idempotency key keeps it from being done twice.',
  internal: 'A fault in Millrace.',
  configuration: 'A setting is absent or malformed; the message names the variable.',
  broker_unreachable: 'No Kafka broker answers at the given addresses.',
  broker_auth_failed: 'The broker refused the user name or password.',
  broker_tls_failed: 'The TLS handshake with the broker failed.',
  broker_not_authorized: 'The broker knows the principal and does not allow it this.',
  topic_missing: 'A topic does not exist. Topics are never created automatically.',
  stream_missing: 'No stream claims the subject, or there is no stream or consumer of this name.',
  message_too_large: 'A message is larger than the event bus takes.',
  publish_failed: 'The broker did not acknowledge a batch.',
  database_unreachable: 'The database does not answer or refuses the connection.',
  database_not_logical: 'PostgreSQL runs without logical decoding (wal_level).',
  migration_missing: 'A migration this code needs has not been applied.',
  migration_mismatch: 'The applied migrations are not the ones this code knows.',
  replication_failed: 'The replication session cannot go on.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface MillraceErrorOptions {
  readonly cause?: unknown;
  /** Whether trying the same again later can succeed. */
  readonly retryable?: boolean;
  /** Machine-readable particulars: ids, states, field names. Never a secret or a payload. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** `message` names the cause and what to do, for a person to read aloud. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.detail = options.detail ?? {};
  }
}

/** Narrows what a `catch` got, by shape rather than class, so that it holds across bundles. */
export function isMillraceError(error: unknown): error is MillraceError {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code in errorCodes
  );
}
