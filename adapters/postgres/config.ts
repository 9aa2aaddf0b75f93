import { MillraceError } from '../../engine/errors.ts';
import { readAwsIdentity } from '../aws-identity.ts';
import { rdsToken } from '../aws-signer.ts';
import { type Environment, readChoice, readInteger, readOptional, readString } from '../env.ts';
import { addressOf, type PostgresLogin } from './connection.ts';

export interface PostgresConfig extends PostgresLogin {
  /** Connections of this process's pool; a Lambda needs one. */
  readonly poolSize: number;
  /**
   * Whether the statements that run all the time are prepared by name, once on each connection. Off behind a pooler that
   * gives a session to one transaction at a time: PgBouncer before 1.21 loses them, and RDS Proxy pins the session.
   */
  readonly prepare?: boolean;
}

export function readPostgresConfig(env: Environment, defaults: { poolSize: number }): PostgresConfig {
  return Object.freeze({
    ...readPostgresLogin(env),
    poolSize: readInteger(env, 'WE_POSTGRES_POOL_SIZE', { fallback: defaults.poolSize, min: 1, max: 1000 }),
    prepare: readChoice(env, 'WE_POSTGRES_PREPARE', ['on', 'off'], 'on') === 'on',
  });
}

function readPostgresLogin(env: Environment): PostgresLogin {
  const iam = readChoice(env, 'WE_POSTGRES_IAM', ['on', 'off'], 'off') === 'on';
  const dsn = withAuthority(readString(env, 'WE_POSTGRES_DSN'), readOptional(env, 'WE_POSTGRES_TLS_CA_PATH'));
  return iam ? iamLogin(env, dsn) : { dsn };
}

/** The server's certificate must then be signed by that authority, and be for that host. */
function withAuthority(dsn: string, path: string | undefined): string {
  if (path === undefined) return dsn;
  const url = parse(dsn, 'WE_POSTGRES_TLS_CA_PATH');
  url.searchParams.set('sslmode', 'verify-full');
  url.searchParams.set('sslrootcert', path);
  return url.href;
}

function iamLogin(env: Environment, dsn: string): PostgresLogin {
  const url = parse(dsn, 'WE_POSTGRES_IAM');
  if (url.password !== '' || url.username === '') {
    throw new MillraceError(
      'configuration',
      'WE_POSTGRES_IAM is on, so WE_POSTGRES_DSN must name a user and hold no password: postgres://user@host:5432/database. ' +
        'The password is a token of AWS, made for each connection.',
      { detail: { variable: 'WE_POSTGRES_DSN' } },
    );
  }
  // The token is a password in plain text: without TLS anybody on the way could use it.
  if (!url.searchParams.has('sslmode')) url.searchParams.set('sslmode', 'verify-full');
  const identity = readAwsIdentity(env);
  const address = addressOf(dsn);
  return { dsn: url.href, password: () => rdsToken(identity, address) };
}

function parse(dsn: string, needed: string): URL {
  if (URL.canParse(dsn)) return new URL(dsn);
  throw new MillraceError(
    'configuration',
    `WE_POSTGRES_DSN is malformed: ${needed} needs it as a URL, postgres://user@host:5432/database.`,
    { detail: { variable: 'WE_POSTGRES_DSN' } },
  );
}
