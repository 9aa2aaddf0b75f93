import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';

const run = promisify(execFile);
let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

async function millrace(...words: string[]): Promise<Record<string, unknown>> {
  const env = { ...process.env, WE_POSTGRES_DSN: database.adminDsn };
  const { stdout } = await run(process.execPath, [resolve('cli/main.ts'), ...words, '--json'], { env });
  return JSON.parse(stdout);
}

test('a key of a tenant is shown with it, and its successor is of the same tenant', async () => {
  const { username } = new URL(database.dsn);
  expect(await millrace('tenants', 'enable', '--app-role', username)).toMatchObject({ enabled: true });
  const made = await millrace('keys', 'create', 'shop', '--scope', 'read', '--tenant', 'acme');
  const next = await millrace('keys', 'rotate', String(made['id']));
  await millrace('keys', 'create', 'ops', '--scope', 'admin');

  const { keys } = await millrace('keys', 'list');
  expect(keys).toMatchObject([
    { id: made['id'], tenant: 'acme' },
    { id: next['id'], tenant: 'acme' },
    { name: 'ops', tenant: null },
  ]);
  await expect(
    millrace('keys', 'create', 'shop', '--scope', 'read', '--tenant', 'a b'),
  ).rejects.toMatchObject({ code: 2 });
});
