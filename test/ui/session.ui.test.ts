import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createAccessStore } from '../../adapters/postgres/access.ts';
import { mintKey } from '../../functions/auth/api-key.ts';
import { startApi } from '../int/functions/http/api.ts';
import { accessibilityFaults, launch, openPage } from './browser.ts';

beforeAll(() => {
  vi.stubEnv('WE_AUTH', 'keys');
});
const api = startApi('polling');
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

async function keyFor(scopes: readonly string[]): Promise<{ key: string; headers: Record<string, string> }> {
  const { id, key, hash } = mintKey();
  await createAccessStore(api.database.pool()).addKey({ id, hash, scopes, name: `ui-${scopes.join('-')}` });
  return { key, headers: { authorization: `Bearer ${key}` } };
}

test.each([360, 1440])(
  'at %s px the UI asks for a key, takes a good one, and forgets it when told to',
  async (width) => {
    const { key } = await keyFor(['read']);
    await using watched = await openPage(browser, api.url, { width, height: 800, scheme: 'dark' });
    const { page } = watched;
    await page.goto(`${api.url}/ui#/jobs`);
    await page.getByLabel('Key of the API').fill('mrk_wrong');
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('not one that is let in').waitFor();

    await page.getByLabel('Key of the API').fill(key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).not.toContain('mrk_');

    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Key of the API').waitFor();
  },
);

test('what is done in the UI is audited under the name of the key that opened it', async () => {
  const { key, headers } = await keyFor(['admin']);
  const job = await api.post('/api/v1/jobs', { type: 'noop', payload: {} }, headers);
  await using watched = await openPage(browser, api.url, { width: 1440, height: 900, scheme: 'light' });
  const { page } = watched;
  await page.goto(`${api.url}/ui#/jobs/${String(job.json['id'])}`);
  await page.getByLabel('Key of the API').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Cancel job' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your name').fill('ada');
  await dialog.getByRole('button', { name: 'Cancel job', exact: true }).click();
  await page.getByText('is cancelled').first().waitFor();

  const { rows } = await api.database
    .pool()
    .query<{ actor: string }>("select actor from audit_log where job_id = $1 and actor like 'key:%'", [
      job.json['id'],
    ]);
  expect(rows.map(({ actor }) => actor)).toContain('key:ui-admin (ada)');
});
