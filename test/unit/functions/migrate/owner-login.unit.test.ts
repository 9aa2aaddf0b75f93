import { expect, test } from 'vitest';
import { readMigrateConfig } from '../../../../functions/migrate/config.ts';
import { ownerLogin } from '../../../../functions/migrate/owner-login.ts';

const env = { WE_MIGRATE_HOST: 'db.example', WE_MIGRATE_SECRET_ARN: 'arn:secret' };

test('logs in as the secret says, and shows the password to nobody who prints it', async () => {
  const secret = JSON.stringify({ username: 'owner', password: 'p@ss/word', engine: 'postgres' });
  const login = await ownerLogin(readMigrateConfig(env), async () => secret);

  expect(login.dsn).toBe('postgres://owner@db.example:5432/millrace');
  expect(await login.password?.()).toBe('p@ss/word');
  expect(JSON.stringify(login)).not.toContain('p@ss');
});

test.each(['', '[]', '{"username":"x"}', '{"username":"x","password":1}'])(
  'refuses a secret that is none of a database, without repeating it: %s',
  async (secret) => {
    const refused = ownerLogin(readMigrateConfig(env), async () => secret);
    await expect(refused).rejects.toThrow(
      'The secret arn:secret is not one of a database: it must be JSON with "username" and "password", as RDS writes it.',
    );
  },
);

test('names the variable that is missing', () => {
  expect(() => readMigrateConfig({})).toThrow('WE_MIGRATE_HOST is not set');
});
