import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi } from '../int/functions/http/api.ts';
import { accessibilityFaults, launch, openPage } from './browser.ts';
import { type Content, fill, HOSTILE } from './content.ts';

const api = startApi('polling');
let browser: Browser;
let content: Content;

beforeAll(async () => {
  browser = await launch();
  content = await fill(api);
});
afterAll(() => browser?.close());

const views = [
  { width: 360, height: 740, scheme: 'light' },
  { width: 1440, height: 900, scheme: 'dark' },
  { width: 360, height: 740, scheme: 'dark' },
  { width: 1440, height: 900, scheme: 'light' },
] as const;

const pages: readonly (readonly [name: string, fragment: () => string, shows: string])[] = [
  ['overview', () => '', 'Throughput'],
  ['jobs', () => 'jobs', 'dead letter'],
  ['job that is dead', () => `jobs/${content.deadLetter}`, 'Audit trail'],
  ['job that completed', () => `jobs/${content.completed}`, 'Attempt 1 completed'],
  ['job that does not exist', () => 'jobs/00000000-0000-7000-8000-000000000000', 'no job'],
  ['workflows', () => 'workflows', 'running'],
  ['workflow', () => `workflows/${content.workflow}`, '1. extract'],
  ['dead letters', () => 'dead-letters', 'Redrive all that match'],
  ['schedules', () => 'schedules', 'nightly'],
  ['records', () => 'records', 'paused'],
  ['record', () => `records/${content.record}`, 'Resume'],
  ['topics', () => 'topics', 'workflow.jobs.notify'],
  ['relay', () => 'relay', 'polls'],
];

describe.each(views)('at $width px, $scheme', (view) => {
  test.each(pages)('the page %s is accessible, fits, and lets nothing in', async (name, fragment, shows) => {
    await using watched = await openPage(browser, api.url, view);
    const { page, faults } = watched;
    await page.goto(`${api.url}/ui#/${fragment()}`);
    await page.getByText(shows).first().waitFor({ state: 'attached' });

    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(view.width);
    expect(await page.evaluate('window.xss')).toBeUndefined();
    expect(
      await page
        .locator('main :is(script, img:not(.graph), iframe, [onerror], [onload], [href^="javascript" i])')
        .count(),
    ).toBe(0);
    const refused = name.includes('not exist') ? 404 : 200;
    expect(faults.filter((fault) => !(refused === 404 && fault.includes('404')))).toEqual([]);
  });
});

test('hostile text is shown as the text it is', async () => {
  await using watched = await openPage(browser, api.url, views[1]);
  const { page } = watched;
  await page.goto(`${api.url}/ui#/jobs/${content.deadLetter}`);
  await page.getByRole('heading', { name: 'Last error' }).waitFor();
  const shown = await page.getByRole('region', { name: 'Last error' }).textContent();
  expect(shown).toBe(HOSTILE.toWellFormed());
});

test('a payload is shown to the last digit', async () => {
  await using watched = await openPage(browser, api.url, views[1]);
  const { page } = watched;
  await page.goto(`${api.url}/ui#/jobs/${content.completed}`);
  const payload = page.getByRole('region', { name: 'Payload' });
  await payload.getByText('12345678901234567890').waitFor();
  expect(await payload.textContent()).toContain('"one": 1.0');
});
