import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ObservedStack, startObserved } from '../e2e/observed-stack.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import type { ReceivedSpan } from '../helpers/otlp-receiver.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { accessibilityFaults, launch, openPage } from './browser.ts';
import { waterfallSvg } from './waterfall.ts';

failOnLeftoverProcesses();

const MAKE_PICTURES = process.env['MAKE_PICTURES'] === '1';

describeKafka('the web UI beside a relay that runs', () => {
  let browser: Browser;
  let stack: ObservedStack;
  let workflow: string;

  beforeAll(async () => {
    [browser, stack] = await Promise.all([launch(), startObserved('kafka_outbox')]);
    const steps = ['extract', 'process', 'notify'].map((name) => ({ name, type: name }));
    workflow = String((await stack.post('/api/v1/workflows', { name: 'pipeline', steps }))['id']);
    await waitFor(async () => (await stack.get(`/api/v1/workflows/${workflow}`))['status'] === 'completed', {
      within: 60_000,
      what: 'the workflow to complete',
    });
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  test.each([
    ['relay', 'relay', 'Slot millrace_relay', ['Kafka, from the outbox', 'Streaming', 'yes', 'Watermark']],
    ['topics and consumers', 'topics', 'workflow.jobs.notify', ['workflow.workers.notify']],
    ['overview', '', 'Throughput', ['Leader']],
    ['workflow', () => `workflows/${workflow}`, '3. notify', ['completed']],
  ] as const)(
    'the page %s shows what is, at both widths, without a fault of axe',
    async (name, fragment, first, shows) => {
      for (const [width, scheme] of [
        [360, 'light'],
        [1440, 'dark'],
      ] as const) {
        await using watched = await openPage(browser, stack.apiUrl, { width, height: 900, scheme });
        const { page, faults } = watched;
        const place = typeof fragment === 'string' ? fragment : fragment();
        await page.goto(`${stack.apiUrl}/ui#/${place}`);
        await page.getByText(first).first().waitFor({ timeout: 30_000 });
        for (const text of shows)
          await page.getByText(text).first().waitFor({ state: 'attached', timeout: 30_000 });
        expect(await accessibilityFaults(page)).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
        expect(faults).toEqual([]);
        if (MAKE_PICTURES && name === 'relay' && width === 1440)
          await page.screenshot({ path: 'docs/ui/relay.png' });
      }
    },
  );

  test('the page of a job tells every hop, from its acceptance to its completion', async () => {
    const job = await stack.post('/api/v1/jobs', { type: 'noop', payload: {} });
    const path = `/api/v1/jobs/${String(job['id'])}`;
    await waitFor(async () => (await stack.get(path))['status'] === 'completed', {
      within: 60_000,
      what: 'the job',
    });
    await using watched = await openPage(browser, stack.apiUrl, {
      width: 1440,
      height: 900,
      scheme: 'light',
    });
    const { page } = watched;
    await page.goto(`${stack.apiUrl}/ui#/jobs/${String(job['id'])}`);
    for (const hop of ['Acknowledged by Kafka', 'Attempt 1 claimed', 'Attempt 1 completed']) {
      await page.getByText(new RegExp(hop, 'i')).first().waitFor({ state: 'attached', timeout: 30_000 });
    }
    const told = await page.locator('.timeline .what').allTextContents();
    // A worker may have claimed the job before the relay has read the broker's answer.
    const way = told.filter((text) => !text.startsWith('Attempt') && !text.startsWith('Queued'));
    expect(way.map((text) => text.split(' by ')[0])).toEqual([
      'Accepted',
      'Committed',
      'Decoded from the log',
      expect.stringContaining('Acknowledged'),
    ]);
    expect(await accessibilityFaults(page)).toEqual([]);
  });

  test('the spans of a workflow are one waterfall', async () => {
    const spans = await waitFor(
      () => {
        const root = stack.receiver.spans.find(
          ({ attributes }) => attributes['millrace.workflow.id'] === workflow,
        );
        const own = stack.receiver.spans.filter(({ traceId }) => traceId === root?.traceId);
        return own.some(({ name }) => name.startsWith('workflow ')) && own.length >= 8 && own;
      },
      { within: 60_000, what: 'the spans of the workflow' },
    );
    const svg = waterfallSvg(spans satisfies readonly ReceivedSpan[]);
    expect(svg.match(/<rect/g)?.length).toBe(spans.length + 1);
    if (!MAKE_PICTURES) return;
    const { writeFile } = await import('node:fs/promises');
    await writeFile('docs/guide/waterfall.svg', svg);
  });
});
