import { codeOf, redact, translate } from '../../adapters/postgres/errors.ts';
import { findPooling, type Pooling } from '../../adapters/postgres/pooler.ts';
import { type Finding, failure, ok, psql, quoted, shell, warning } from './finding.ts';

/** Whether the database can be reached, and what is between it and us. */
export async function checkConnection(dsn: string, needsSession: boolean): Promise<Finding[]> {
  try {
    const pooling = await findPooling(dsn);
    return [ok('connection', `PostgreSQL at ${redact(dsn)} answers.`), judgePooling(pooling, needsSession)];
  } catch (error) {
    return [refused(dsn, error)];
  }
}

export function judgePooling(pooling: Pooling, needsSession: boolean): Finding {
  const check = 'pooler';
  if (pooling === 'none') return ok(check, 'The connection is to PostgreSQL itself.');
  const says = `The connection goes through a pooler in ${pooling} mode`;
  if (needsSession) {
    return failure(
      check,
      `${says}; the relay's lock and its stream must be one session of the server.`,
      shell('export WE_POSTGRES_DSN=postgres://…', 'with the address of PostgreSQL itself, for the relay'),
    );
  }
  const prepared = shell('export WE_POSTGRES_PREPARE=off', 'for PgBouncer before 1.21 and RDS Proxy');
  return warning(
    check,
    `${says}; requests work, and who waits for jobs or does the duties of the leader needs PostgreSQL itself.`,
    prepared,
  );
}

function refused(dsn: string, error: unknown): Finding {
  const meaning = translate(error, dsn);
  const says = meaning instanceof Error ? meaning.message : String(meaning);
  const { username, pathname, hostname, port } = parse(dsn);
  const role = quoted(username);
  const mends: Readonly<Record<string, ReturnType<typeof psql>>> = {
    '28P01': psql(`\\password ${role}`, 'with the password in WE_POSTGRES_DSN, if the role is there'),
    '3D000': psql(`create database ${quoted(pathname.slice(1))} owner ${role}`),
  };
  const reach = shell(`pg_isready -h ${hostname} -p ${port || '5432'}`, 'on this host');
  return failure('connection', says, mends[codeOf(error) ?? ''] ?? reach);
}

function parse(dsn: string): URL {
  try {
    return new URL(dsn);
  } catch {
    return new URL('postgres://localhost:5432/');
  }
}
