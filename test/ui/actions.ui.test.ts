import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPostgresWorkflowRecords } from '../../adapters/postgres/workflow-record-store.ts';
import { claimedJob, startApi } from '../int/functions/http/api.ts';
import { accessibilityFaults, launch, openPage, type Watched } from './browser.ts';
import { job } from './content.ts';

const api = startApi('polling');
let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser?.close());

async function open(fragment: string): Promise<Watched> {
  const watched = await openPage(browser, api.url, { width: 1440, height: 900, scheme: 'light' });
  await watched.page.goto(`${api.url}/ui#/${fragment}`);
  return watched;
}

/** Says yes in the dialog, under a name. */
async function confirm(page: Page, verb: string, reason?: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your name').fill('ada <b>');
  if (reason !== undefined) await dialog.getByLabel('Why').fill(reason);
  await dialog.getByRole('button', { name: verb, exact: true }).click();
}

async function deadLetter(error: string): Promise<string> {
  const { id, token } = await claimedJob(api, { max_retries: 0 });
  await api.post(`/api/v1/jobs/${id}/fail`, { token, error });
  return id;
}

async function statusOf(id: string): Promise<unknown> {
  return (await api.get(`/api/v1/jobs/${id}`)).json['status'];
}

async function audited(action: string): Promise<readonly unknown[]> {
  const { rows } = await api.database
    .pool()
    .query('select actor, detail from audit_log where action = $1 order by id', [action]);
  return rows;
}

test('a job is cancelled after a yes, not before, and the trail says who and why', async () => {
  const id = await job(api, { payload: {} });
  await using watched = await open(`jobs/${id}`);
  const { page, faults } = watched;
  const opener = page.getByRole('button', { name: 'Cancel job' });

  await opener.click();
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await statusOf(id)).toBe('queued');
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel job');

  await page.keyboard.press('Enter');
  await confirm(page, 'Cancel job', 'typo');
  await page.getByRole('status').getByText(`Job ${id} is cancelled.`).waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
  expect(await audited('JOB_CANCELLED')).toMatchObject([{ actor: 'ada <b>', detail: { reason: 'typo' } }]);
  await page.getByRole('button', { name: 'Retry' }).waitFor();
  expect(faults).toEqual([]);
});

test('what the server refuses is said in its words', async () => {
  const { id, token } = await claimedJob(api);
  await using watched = await open(`jobs/${id}`);
  const { page } = watched;
  await page.getByRole('button', { name: 'Cancel job' }).click();
  await api.post(`/api/v1/jobs/${id}/complete`, { token });
  await confirm(page, 'Cancel job');
  await page.getByRole('status').getByText('completed').waitFor();
  expect(await statusOf(id)).toBe('completed');
});

test('one dead letter is redriven', async () => {
  const id = await deadLetter('boom one');
  await using watched = await open('dead-letters?error=boom%20one');
  const { page } = watched;
  await page.getByRole('button', { name: `Redrive ${id}` }).click();
  await confirm(page, 'Retry');
  await page.getByRole('status').getByText(`Job ${id} is queued.`).waitFor();
  await page.getByText('No dead letters.').waitFor();
  expect(await statusOf(id)).toBe('queued');
});

test('a filtered redrive counts first, and takes only what matches', async () => {
  const matching = [await deadLetter('disk full'), await deadLetter('DISK FULL again')];
  const other = await deadLetter('something else');
  await using watched = await open('dead-letters');
  const { page } = watched;
  await page.getByLabel('Error has').fill('disk full');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.getByText('DISK FULL again').waitFor();
  await page.getByText('something else').waitFor({ state: 'detached' });

  await page.getByRole('button', { name: 'Redrive all that match' }).click();
  await page.getByRole('dialog').getByText('A dry run found 2.').waitFor();
  expect(await statusOf(String(matching[0]))).toBe('dead_letter');
  await confirm(page, 'Redrive', 'disk was replaced');
  await page.getByRole('status').getByText('2 of 2 dead letters are queued again.').waitFor();
  expect(await Promise.all([...matching, other].map(statusOf))).toEqual(['queued', 'queued', 'dead_letter']);
});

test('a schedule is paused, resumed and run, each audited', async () => {
  await api.post('/api/v1/schedules', { name: 'nightly', cron: '0 2 * * *', type: 'noop', payload: {} });
  await using watched = await open('schedules');
  const { page } = watched;
  await page.getByRole('button', { name: 'Pause: nightly' }).click();
  await confirm(page, 'Pause');
  await page.getByText('paused', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Resume: nightly' }).click();
  await confirm(page, 'Resume');
  await page.getByRole('button', { name: 'Pause: nightly' }).waitFor();
  await page.getByRole('button', { name: 'Run now: nightly' }).click();
  await confirm(page, 'Run now');
  await page.getByRole('status').getByText('is enqueued').waitFor();
  expect(await audited('SCHEDULE_CHANGED')).toMatchObject([
    { actor: 'ada <b>', detail: { schedule: 'nightly', enabled: false } },
    { actor: 'ada <b>', detail: { schedule: 'nightly', enabled: true } },
  ]);
  expect(await audited('SCHEDULE_RUN')).toMatchObject([{ actor: 'ada <b>' }]);
});

test('a workflow is paused and resumed, each audited', async () => {
  const started = await api.post('/api/v1/workflows', { name: 'w', steps: [{ name: 'a', type: 'extract' }] });
  const id = String(started.json['id']);
  await using watched = await open(`workflows/${id}`);
  const { page, faults } = watched;
  await page.getByRole('button', { name: 'Pause workflow' }).click();
  await confirm(page, 'Pause workflow', 'look');
  await page.getByRole('button', { name: 'Resume workflow' }).click();
  expect((await api.get(`/api/v1/workflows/${id}`)).json['status']).toBe('paused');
  expect(await accessibilityFaults(page)).toEqual([]);
  await confirm(page, 'Resume workflow');
  await page.getByRole('button', { name: 'Pause workflow' }).waitFor();

  expect((await api.get(`/api/v1/workflows/${id}`)).json['status']).toBe('running');
  const { rows } = await api.database
    .pool()
    .query<{ action: string }>(
      'select action from audit_log where instance_id = $1 and actor = $2 order by id',
      [id, 'ada <b>'],
    );
  expect(rows).toHaveLength(2);
  expect(faults).toEqual([]);
});

test('a workflow is cancelled with its jobs', async () => {
  const started = await api.post('/api/v1/workflows', { name: 'w', steps: [{ name: 'a', type: 'extract' }] });
  await using watched = await open(`workflows/${String(started.json['id'])}`);
  const { page } = watched;
  await page.getByRole('button', { name: 'Cancel workflow' }).click();
  await confirm(page, 'Cancel workflow');
  await page.getByRole('status').getByText('is cancelled').waitFor();
  expect(await audited('WORKFLOW_CANCELLED')).toMatchObject([{ actor: 'ada <b>' }]);
});

test('a page shows what happens while it is looked at, and keeps what is being typed', async () => {
  await using watched = await open('jobs?type=send-email');
  const { page } = watched;
  await page.getByText('No job matches.').waitFor();
  await page.getByLabel('Text').fill('half a wo');
  await job(api, { type: 'send-email', payload: {} });
  await page.getByRole('cell', { name: 'send-email' }).waitFor();
  expect(await page.getByLabel('Text').inputValue()).toBe('half a wo');
});

test('without events, as in Lambda, it asks by itself', async () => {
  await using watched = await openPage(browser, api.url, { width: 1440, height: 900, scheme: 'light' });
  const { page } = watched;
  await page.route('**/ui/events', (route) => route.fulfill({ status: 404, body: '{}' }));
  await page.goto(`${api.url}/ui#/jobs?type=process`);
  await page.getByText('No job matches.').waitFor();
  await job(api, { type: 'process', payload: {} });
  await page.getByRole('cell', { name: 'process' }).waitFor();
});

test('a hundred jobs are paged through, and found by text and state', async () => {
  const jobs = Array.from({ length: 100 }, (_, n) => ({ type: 'notify', payload: { n: `number-${n}-` } }));
  await api.post('/api/v1/jobs/batch', { jobs });
  await using watched = await open('jobs?type=notify');
  const { page } = watched;
  await page.locator('tbody tr').nth(49).waitFor();
  await page.getByRole('link', { name: 'Older' }).click();
  await page.getByRole('link', { name: 'Newest' }).waitFor();
  await page.locator('tbody tr').nth(49).waitFor();
  expect(await page.getByRole('link', { name: 'Older' }).count()).toBe(0);

  await page.getByLabel('Text').fill('NUMBER-42-');
  await page.getByLabel('Status').selectOption('queued');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.locator('tbody tr').nth(1).waitFor({ state: 'detached' });
  await page.locator('tbody tr').waitFor();
  expect(page.url()).toContain('status=queued');
});

test('all is reached by keyboard, and focus goes where the view goes', async () => {
  await using watched = await open('');
  const { page } = watched;
  await page.getByRole('heading', { name: 'Throughput' }).waitFor();
  const focused = () => page.evaluate<string>('document.activeElement.textContent.slice(0, 30)');
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Skip to the content');
  for (const name of ['Millrace', 'Overview', 'Jobs']) {
    await page.keyboard.press('Tab');
    expect(await focused()).toBe(name);
  }
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  // The view is there before what follows it has run.
  await page.waitForFunction(
    `document.activeElement.tagName === 'MAIN' && document.title === 'Jobs · Millrace'`,
  );
});

test('a run of a record workflow is paused and resumed, with who and why in the trail', async () => {
  const runId = randomUUID();
  await createPostgresWorkflowRecords(api.database.pool()).store({
    ...{ workflowName: 'order', foreignId: 'A <b>', runId, status: 1, runState: 'running', version: 0 },
    object: Buffer.from('{}'),
  });
  await using watched = await open('records?workflow=order');
  const { page, faults } = watched;
  await page.getByRole('link', { name: runId.slice(0, 8) }).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  expect(await accessibilityFaults(page)).toEqual([]);
  await confirm(page, 'Pause', 'look first');
  await page.getByRole('status').getByText('The run is paused.').waitFor();
  await page.getByText('look first').waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await confirm(page, 'Resume');
  await page.getByRole('status').getByText('The run is running.').waitFor();
  expect(await audited('RECORD_CHANGED')).toMatchObject([
    { actor: 'ada <b>', detail: { change: 'pause', run_id: runId, reason: 'look first' } },
    { actor: 'ada <b>', detail: { change: 'resume' } },
  ]);
  expect(faults).toEqual([]);
});
