import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '../helpers/wait-for.ts';
import { startApi } from '../int/functions/http/api.ts';
import { TestBroker } from '../int/relay-cdc/broker.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { type ShardedRelay, startSharded } from '../int/relay-cdc/sharded.ts';
import { accessibilityFaults, launch, openPage } from './browser.ts';

const SHARDS = 3;
const api = startApi('kafka_outbox');
let browser: Browser;
let fixture: RelayFixture;
let relay: ShardedRelay | undefined;

beforeAll(async () => {
  browser = await launch();
  fixture = RelayFixture.on(api.database);
  relay = await startSharded(fixture, { shards: SHARDS, broker: new TestBroker() });
  const shards = relay.shards;
  await waitFor(() => shards.every(({ status }) => status.get().role === 'leader' && status.get().ready), {
    within: 30_000,
    what: 'every shard to stream',
  });
});
afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  await browser?.close();
});

test.each([
  [360, 'light'],
  [1440, 'dark'],
] as const)('at %i px every shard stands in a row, and its slot below', async (width, scheme) => {
  await using watched = await openPage(browser, api.url, { width, height: 900, scheme });
  const { page, faults } = watched;
  await page.goto(`${api.url}/ui#/relay`);
  await page.getByRole('heading', { name: '3 shards, all streaming' }).waitFor({ timeout: 30_000 });
  const rows = page.locator('tbody tr');
  expect(await rows.count()).toBe(SHARDS);
  for (const index of [0, 1, 2]) {
    expect(await rows.nth(index).locator('td').allTextContents()).toEqual(
      expect.arrayContaining([String(index), 'streaming']),
    );
    await page.getByRole('heading', { name: `Slot ${fixture.slot}_${index}of${SHARDS}` }).waitFor();
  }
  expect(await accessibilityFaults(page)).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  expect(faults).toEqual([]);
});

test('a shard that nobody leads is named, and so is a slot of another number of shards', async () => {
  await relay?.[Symbol.asyncDispose]();
  relay = undefined;
  const pool = api.database.pool();
  const [gone, other] = [`${fixture.slot}_2of3`, `${fixture.slot}_0of2`];
  await pool.query('update relay_state set slot_name = $2 where slot_name = $1', [gone, other]);
  await using watched = await openPage(browser, api.url, { width: 1440, height: 900, scheme: 'light' });
  const { page } = watched;
  await page.goto(`${api.url}/ui#/relay`);
  await page.getByRole('heading', { name: '3 of 3 shards do not stream' }).waitFor({ timeout: 30_000 });
  const states = page.locator('tbody td[data-name="State"]');
  expect(await states.allTextContents()).toEqual(['nobody leads', 'nobody leads', 'nobody has led it yet']);
  await page.getByText('Of another number of shards').waitFor();
  await pool.query('update relay_state set slot_name = $1 where slot_name = $2', [gone, other]);
});
