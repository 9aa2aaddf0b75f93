import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { type ErrorCode, errorCodes, isMillraceError, MillraceError } from '../../engine/errors.ts';

/** The HTTP status of every code. Total: a new code does not compile until it has one. */
export const problemStatus = {
  malformed_json: 400,
  invalid_request: 400,
  body_too_large: 413,
  unauthorized: 401,
  forbidden: 403,
  too_many_requests: 429,
  unknown_job_type: 422,
  not_found: 404,
  method_not_allowed: 405,
  idempotency_conflict: 409,
  schedule_exists: 409,
  illegal_transition: 409,
  poll_disabled: 409,
  stale_token: 409,
  workflow_ended: 409,
  unavailable: 503,
  internal: 500,
  configuration: 500,
  broker_unreachable: 503,
  broker_auth_failed: 500,
  broker_tls_failed: 500,
  broker_not_authorized: 500,
  topic_missing: 500,
  stream_missing: 500,
  message_too_large: 413,
  publish_failed: 503,
  database_unreachable: 503,
  database_not_logical: 500,
  migration_missing: 500,
  migration_mismatch: 500,
  replication_failed: 503,
} as const satisfies Record<ErrorCode, number>;

/** Said instead of the error's own message, which may hold addresses and names of ours. */
const UNAVAILABLE =
  'A system this depends on cannot be reached at the moment. Send the request again; with an idempotency_key nothing is done twice.';
const FAULT =
  'The request could not be served because of a fault on our side. The log has it under the request id.';

/** One field that is not as documented; `field` is a path such as `steps[1].type`. */
export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

/** A request refused for its fields, all of them named at once. */
export function invalidRequest(errors: readonly FieldFault[]): MillraceError {
  const shown = errors.slice(0, 100);
  const words = shown.slice(0, 5).map(({ field, message }) => `${field}: ${message}`);
  const more = errors.length > words.length ? `; and ${errors.length - words.length} more` : '';
  return new MillraceError(
    'invalid_request',
    `The request is not as documented: ${words.join('; ')}${more}. Correct these fields; nothing was written.`,
    { detail: { errors: shown } },
  );
}

/** The reply for anything thrown (RFC 9457). What happened inside is the log's business above status 499. */
export function problemReply(error: unknown, requestId?: string): APIGatewayProxyStructuredResultV2 {
  const code = isMillraceError(error) ? error.code : 'internal';
  const status = problemStatus[code];
  const known = isMillraceError(error) && status < 500 ? error : undefined;
  const standard = {
    type: `/docs#problem-${code}`,
    title: errorCodes[code],
    status,
    code,
    detail: known?.message ?? (status === 503 ? UNAVAILABLE : FAULT),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  };
  // Twice: they come first, and no particular takes the place of one.
  const body = { ...standard, ...known?.detail, ...standard };
  return {
    statusCode: status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503 || status === 429 ? { 'retry-after': '1' } : {}),
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="millrace"' } : {}),
      ...allowHeader(known),
    },
    body: JSON.stringify(body),
  };
}

/** A 405 must say what is allowed (RFC 9110). */
function allowHeader(error: MillraceError | undefined): Record<string, string> {
  const allow = error?.code === 'method_not_allowed' ? error.detail['allow'] : undefined;
  return Array.isArray(allow) ? { allow: allow.join(', ') } : {};
}
