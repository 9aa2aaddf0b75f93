import { MillraceError } from '../../engine/errors.ts';

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
]);
/** SQLSTATE classes of a database that is away or overloaded: 08 connection, 53 resources, 57P shutdown, 25006 read-only. */
const UNAVAILABLE = /^(08...|53...|57P0[123]|57014|25006|40001|40P01)$/;
const CREDENTIALS = new Set(['28P01', '28000', '3D000']);

/** The SQLSTATE or system error code of anything thrown, or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * What pg threw, as the failure it means: `unavailable` (try again), `database_unreachable` (wrong address or
 * credentials), `migration_missing`; anything else is returned as it came, for it is a fault of ours.
 */
export function translate(error: unknown, dsn?: string): unknown {
  const code = codeOf(error);
  const where = dsn === undefined ? 'PostgreSQL' : `PostgreSQL at ${redact(dsn)}`;
  const reason = error instanceof Error ? error.message || code || error.name : String(error);
  if (code !== undefined && CREDENTIALS.has(code)) {
    return new MillraceError(
      'database_unreachable',
      `${where} refuses the connection: ${reason}. Check WE_POSTGRES_DSN.`,
      {
        cause: error,
      },
    );
  }
  if (code === '42P01' || code === '42703' || code === '3F000') {
    return new MillraceError(
      'migration_missing',
      `The database lacks a table or column: ${reason}. Run: millrace migrate up`,
      {
        cause: error,
      },
    );
  }
  if (isConnectionLoss(error) || isClosed(error) || (code !== undefined && UNAVAILABLE.test(code))) {
    return new MillraceError(
      'unavailable',
      `${where} is not available: ${reason}. ${outcomeOf(error)} Try again.`,
      {
        cause: error,
        retryable: true,
      },
    );
  }
  return error;
}

/**
 * What became of the statement. A connection that is lost once it was made may have been so after the commit and before the
 * answer; a server that shuts down says so before it, or says nothing; one that crashes says so at any moment.
 */
function outcomeOf(error: unknown): string {
  const isLost =
    codeOf(error) === CRASH ||
    (isConnectionLoss(error) && !NEVER_CONNECTED.test(`${codeOf(error)} ${String(error)}`));
  return isLost
    ? 'Whether it was written is not known: with an idempotency key nothing is done twice.'
    : 'Nothing was written.';
}

const CRASH = '57P02';

/** A database that lets nobody in for now (`allow_connections false`): the SQLSTATE alone has other meanings too. */
function isClosed(error: unknown): boolean {
  const routine = error instanceof Error && 'routine' in error ? error.routine : undefined;
  return codeOf(error) === '55000' && routine === 'CheckMyDatabase';
}

const NEVER_CONNECTED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|timeout exceeded when trying to connect/;

/** pg reports a lost connection by message alone in these cases. */
function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined && UNREACHABLE.has(code)) return true;
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout/.test(
      error.message,
    )
  );
}

/** The DSN without its password, for messages. */
export function redact(dsn: string): string {
  try {
    const url = new URL(dsn);
    return `${url.hostname || 'localhost'}:${url.port || '5432'}${url.pathname}`;
  } catch {
    return 'the address in WE_POSTGRES_DSN';
  }
}
