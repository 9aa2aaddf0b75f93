import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import images from '../../examples/images/millrace.config.ts';
import orders, { bank } from '../../examples/orders/millrace.config.ts';
import reports, { reports as written } from '../../examples/reports/millrace.config.ts';
import { TestService } from '../../sdk/testing.ts';
import { ROOT, snippetsOf } from '../helpers/snippets.ts';

test('orders: a charge is tried again, under one key for the bank; what a retry does not mend ends at once', async () => {
  const service = new TestService(orders);
  const good = await service.enqueue('charge', { order: 7, cents: 1_300 });
  const free = await service.enqueue('charge', { order: 8, cents: 0 });
  await service.advance('1m');
  expect(await service.job(good, 'charge')).toMatchObject({
    status: 'completed',
    attempt: 2,
    result: { receipt: 'R-7' },
  });
  expect([...bank.entries()]).toEqual([[good, 1_300]]);
  expect(await service.job(free)).toMatchObject({
    status: 'dead_letter',
    attempt: 1,
    lastError: 'Order 8 costs nothing.',
  });
});

test('images: an album fans out, a file that fails is retried alone, and all are gathered in order', async () => {
  const service = new TestService(images);
  const id = await service.start('album', { album: 'summer' });
  await service.advance('1m');
  const { status, variables, jobs } = await service.workflow(id);
  expect({ status, page: variables['page'] }).toEqual({
    status: 'completed',
    page: [1, 2, 3, 4].map((number) => `summer/${number}.thumb.jpg`).join(' '),
  });
  expect(
    jobs
      .filter(({ type }) => type === 'thumbnail')
      .map(({ attempt }) => attempt)
      .sort(),
  ).toEqual([1, 1, 1, 2]);
});

test('reports: one a night at half past two of Berlin, also when the clocks change', async () => {
  const service = new TestService(reports, { now: new Date('2026-03-27T12:00:00Z') });
  await service.advance('3d');
  const nights = await service.jobsOf('report');
  expect(nights.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
  expect([...written.keys()]).toEqual(['sales/2026-03-28', 'sales/2026-03-29', 'sales/2026-03-30']);
});

test('compositions: the guide shows them as they are', () => {
  const shown = snippetsOf('docs/guide/choose-adapters.md').map(({ text }) => text);
  const files = ['development', 'staging', 'production'].map((name) =>
    readFileSync(join(ROOT, `examples/compositions/${name}.ts`), 'utf8')
      .replaceAll("'../../", "'./")
      .replace("'./composition.ts'", "'./examples/compositions/composition.ts'"),
  );
  expect(shown).toEqual(files);
});
