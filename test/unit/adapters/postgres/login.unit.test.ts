import { expect, test } from 'vitest';
import { readPostgresConfig } from '../../../../adapters/postgres/config.ts';
import { connectionOptions } from '../../../../adapters/postgres/connection.ts';

const aws = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' };
const read = (env: Record<string, string>) => readPostgresConfig(env, { poolSize: 1 });

test('by IAM each connection gets a token for its host and user, and TLS is checked', async () => {
  const config = read({
    WE_POSTGRES_DSN: 'postgres://app@db.example:5433/jobs',
    WE_POSTGRES_IAM: 'on',
    ...aws,
  });
  const options = connectionOptions(config);

  expect(options).toMatchObject({ host: 'db.example', port: 5433, user: 'app', database: 'jobs', ssl: {} });
  expect(options.connectionString).toBeUndefined();
  const token = await config.password?.();
  expect(token).toMatch(/^db\.example:5433\/\?Action=connect&DBUser=app&X-Amz-Algorithm=AWS4-HMAC-SHA256&/);
});

test('by IAM a password in the DSN is refused: it would be sent instead of the token', () => {
  const env = { WE_POSTGRES_DSN: 'postgres://app:hunter2@db/jobs', WE_POSTGRES_IAM: 'on', ...aws };
  expect(() => read(env)).toThrow(
    /WE_POSTGRES_IAM is on, so WE_POSTGRES_DSN must name a user and hold no password/,
  );
  expect(() => read(env)).not.toThrow(/hunter2/);
});

test('with an authority the certificate is verified against it, whatever the DSN said', () => {
  const dsn = 'postgres://app:pw@db/jobs?sslmode=disable';
  const { dsn: read_ } = read({ WE_POSTGRES_DSN: dsn, WE_POSTGRES_TLS_CA_PATH: '/ca.pem' });
  expect(Object.fromEntries(new URL(read_).searchParams)).toEqual({
    sslmode: 'verify-full',
    sslrootcert: '/ca.pem',
  });
});

test('without either the DSN goes to the driver as it is', () => {
  const dsn = 'postgres:///jobs?host=/var/run/postgresql';
  expect(connectionOptions(read({ WE_POSTGRES_DSN: dsn }))).toEqual({ connectionString: dsn });
});
