import { Code, ConnectError } from '@connectrpc/connect';
import { type ErrorCode, isMillraceError } from '../../engine/errors.ts';
import { faultLog } from '../compose.ts';
import { observeCall } from '../http/request-metrics.ts';

/** The status of each refusal; the rest is `internal`. */
const CODES: Partial<Record<ErrorCode, Code>> = {
  malformed_json: Code.InvalidArgument,
  invalid_request: Code.InvalidArgument,
  body_too_large: Code.InvalidArgument,
  not_found: Code.NotFound,
  illegal_transition: Code.FailedPrecondition,
  workflow_ended: Code.FailedPrecondition,
  stale_token: Code.FailedPrecondition,
  poll_disabled: Code.FailedPrecondition,
  unauthorized: Code.Unauthenticated,
  forbidden: Code.PermissionDenied,
  too_many_requests: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  database_unreachable: Code.Unavailable,
};

/** Gives the answer and measures it, or throws what was thrown as the status that the protocol has for it. */
export async function answered<T>(method: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  let code = 'OK';
  try {
    return await work();
  } catch (error) {
    const fault = toConnectError(method, error);
    code = Code[fault.code];
    throw fault;
  } finally {
    observeCall(method, code, (performance.now() - start) / 1000);
  }
}

function toConnectError(method: string, error: unknown): ConnectError {
  const code = isMillraceError(error) ? CODES[error.code] : undefined;
  if (isMillraceError(error) && code !== undefined && code !== Code.Unavailable) {
    return new ConnectError(wordsOf(error.code, error.message), code);
  }
  faultLog.error('request failed', { route: method, error });
  return code === Code.Unavailable
    ? new ConnectError('A system this depends on cannot be reached: try again.', code)
    : new ConnectError('internal error: a fault on our side; the log has it.', Code.Internal);
}

/** As the original says it, word for word: a client may look at it. */
function wordsOf(code: ErrorCode, message: string): string {
  return code === 'poll_disabled'
    ? 'engine runs in kafka_outbox dispatch mode; the poll path is disabled. Workers must consume directly from Kafka.'
    : message;
}
