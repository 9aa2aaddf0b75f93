import type { PostgresLogin } from '../../adapters/postgres/connection.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { MigrateConfig } from './config.ts';

/** Gives a secret's text. */
export type ReadSecret = (arn: string) => Promise<string>;

/** Lambda's runtime has the client; it is not in the bundle. */
export const secretsManager: ReadSecret = async (arn) => {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient({});
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
    return SecretString ?? '';
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MillraceError(
      'configuration',
      `The secret ${arn} of the database's owner cannot be read: ${reason}. Check WE_MIGRATE_SECRET_ARN, and that the role ` +
        'of the function may read it.',
      { cause: error },
    );
  } finally {
    client.destroy();
  }
};

/** The login of the owner of the database, whose password RDS keeps and rotates. */
export async function ownerLogin(config: MigrateConfig, readSecret: ReadSecret): Promise<PostgresLogin> {
  const { username, password } = parseSecret(await readSecret(config.secretArn), config.secretArn);
  const url = new URL(`postgres://${config.host}:${config.port}/${config.database}`);
  url.username = encodeURIComponent(username);
  if (config.caPath !== undefined) {
    url.searchParams.set('sslmode', 'verify-full');
    url.searchParams.set('sslrootcert', config.caPath);
  }
  return { dsn: url.href, password: () => Promise.resolve(password) };
}

function parseSecret(text: string, arn: string): { username: string; password: string } {
  const malformed = new MillraceError(
    'configuration',
    `The secret ${arn} is not one of a database: it must be JSON with "username" and "password", as RDS writes it.`,
  );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed;
  }
  if (typeof value !== 'object' || value === null || !('username' in value) || !('password' in value)) {
    throw malformed;
  }
  const { username, password } = value;
  if (typeof username !== 'string' || typeof password !== 'string') throw malformed;
  return { username, password };
}
