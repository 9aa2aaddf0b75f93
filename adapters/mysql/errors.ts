import { isMillraceError, MillraceError } from '../../engine/errors.ts';

/** Error codes as the driver names them: those of the server by their symbol, those of the system by theirs. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Wrong, and as wrong the next time. */
const REFUSED =
  /^(ER_ACCESS_DENIED_ERROR|ER_DBACCESS_DENIED_ERROR|ER_BAD_DB_ERROR|ER_ACCESS_DENIED_NO_PASSWORD_ERROR|ER_MUST_CHANGE_PASSWORD|HANDSHAKE_SSL_ERROR|HANDSHAKE_NO_SSL_SUPPORT)$/;
const MISSING = /^(ER_NO_SUCH_TABLE|ER_BAD_FIELD_ERROR)$/;
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ER_CON_COUNT_ERROR|ER_TOO_MANY_USER_CONNECTIONS)$/;
const LOST =
  /^(ECONNRESET|EPIPE|ETIMEDOUT|PROTOCOL_|ER_SERVER_SHUTDOWN|ER_NEW_ABORTING_CONNECTION|ER_CONNECTION_KILLED)/;
/** Rolled back whole by the server: nothing stands in the way of another try. */
const ROLLED_BACK =
  /^(ER_LOCK_DEADLOCK|ER_CHECKREAD|ER_LOCK_WAIT_TIMEOUT|ER_QUERY_INTERRUPTED|ER_OPTION_PREVENTS_STATEMENT|ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION|ER_QUERY_TIMEOUT|ER_STATEMENT_TIMEOUT)$/;

/** Two transactions met, and one of them was ended for the other. */
export function isCollision(error: unknown): boolean {
  return /^(ER_LOCK_DEADLOCK|ER_CHECKREAD)$/.test(codeOf(error) ?? '');
}

export function isDuplicate(error: unknown): boolean {
  return codeOf(error) === 'ER_DUP_ENTRY';
}

/** What the driver threw, as the failure it means; anything else is returned as it came, for it is a fault of ours. */
export function translate(error: unknown, address: string): unknown {
  if (isMillraceError(error)) return error;
  const code = codeOf(error) ?? '';
  const reason = error instanceof Error ? error.message || code : String(error);
  const as = (kind: MillraceError['code'], message: string, retryable = false) =>
    new MillraceError(kind, message, { cause: error, retryable });
  if (REFUSED.test(code))
    return as(
      'database_unreachable',
      `MySQL at ${address} refuses the connection: ${reason}. Check WE_MYSQL_DSN and WE_MYSQL_TLS.`,
    );
  if (MISSING.test(code))
    return as(
      'migration_missing',
      `The database lacks a table or column: ${reason}. Run: millrace records migrate`,
    );
  if (code === 'ER_NET_PACKET_TOO_LARGE')
    return as(
      'invalid_request',
      `The record is larger than MySQL takes in one statement: ${reason}. Raise max_allowed_packet, or keep large objects elsewhere.`,
    );
  if (NEVER_CONNECTED.test(code) || ROLLED_BACK.test(code))
    return as(
      'unavailable',
      `MySQL at ${address} is not available: ${reason}. Nothing was written. Try again.`,
      true,
    );
  if (LOST.test(code))
    return as(
      'unavailable',
      `MySQL at ${address} is not available: ${reason}. Whether it was written is not known: look up the record, then try again ` +
        'at the version it has.',
      true,
    );
  return error;
}
