import { expect, test } from 'vitest';
import { systemClock } from '../../../adapters/system/clock.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { Topic } from '../../../events/ids.ts';
import { RelayMetrics } from '../../../relay-cdc/metrics.ts';
import { JOB_ID_BYTES, type PublishedRow } from '../../../relay-cdc/published.ts';
import { WriteBack } from '../../../relay-cdc/write-back.ts';
import { waitFor } from '../../helpers/wait-for.ts';

function rowsOf(count: number, messages = 1): PublishedRow[] {
  return Array.from({ length: count }, (_, id) => ({
    id: BigInt(id),
    topic: 't' as Topic,
    jobs: messages,
    ids: Buffer.alloc(messages * JOB_ID_BYTES),
    firstId: 0,
    whole: true,
  }));
}

function writeBack(
  clear: (rows: readonly PublishedRow[]) => Promise<readonly bigint[]>,
  maxMessages = 10_000,
) {
  const deps = { clear, maxMessages, clock: systemClock, logger: silentLogger, metrics: new RelayMetrics() };
  return new WriteBack(deps);
}

test('rows are cleared in order, a thousand rows or five thousand messages at most at a time', async () => {
  const statements: PublishedRow[][] = [];
  const one = writeBack(async (rows) => {
    statements.push([...rows]);
    return [];
  });
  await one.add(rowsOf(2_500));
  await one.flush();
  expect(statements.map((rows) => rows.length)).toEqual([1_000, 1_000, 500]);
  expect(statements.flat().map(({ id }) => id)).toEqual(rowsOf(2_500).map(({ id }) => id));
  await one.add(rowsOf(7, 1_000));
  await one.flush();
  expect(statements.slice(3).map((rows) => rows.length)).toEqual([5, 2]);
  await one.close(1_000);
});

test('a statement that fails is tried again, and nothing is left out', async () => {
  let failuresLeft = 2;
  const cleared: bigint[] = [];
  const one = writeBack(async (rows) => {
    failuresLeft -= 1;
    if (failuresLeft >= 0) throw new Error('the database is away');
    cleared.push(...rows.map(({ id }) => id));
    return [];
  });
  await one.add(rowsOf(10));
  await one.flush();
  expect(cleared).toEqual(rowsOf(10).map(({ id }) => id));
  await one.close(1_000);
});

test('with too much waiting to be cleared, adding waits', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const one = writeBack(async () => {
    await promise;
    return [];
  }, 100);
  await one.add(rowsOf(100));
  let added = false;
  const second = one.add(rowsOf(1)).then(() => {
    added = true;
  });
  await Promise.resolve();
  expect(added).toBe(false);
  resolve();
  await second;
  await one.close(1_000);
});

test('a row that is not there yet is looked for again until it is', async () => {
  let looks = 0;
  const one = writeBack(async (rows) => {
    looks += 1;
    return looks < 3 ? rows.map(({ id }) => id) : [];
  });
  await one.add(rowsOf(1));
  await one.flush();
  expect(one.isPending(0n)).toBe(true);
  await waitFor(() => !one.isPending(0n), { within: 5_000 });
  expect(looks).toBe(3);
  await one.close(1_000);
});

test('settling looks at once for rows that were not there', async () => {
  let looks = 0;
  const one = writeBack(async (rows) => {
    looks += 1;
    return looks < 4 ? rows.map(({ id }) => id) : [];
  });
  await one.add(rowsOf(1));
  await one.settle(5_000);
  expect([looks, one.isPending(0n)]).toEqual([4, false]);
  await one.close(1_000);
});

test('closing does not wait for a database that does not answer', async () => {
  const one = writeBack(() => new Promise(() => undefined));
  await one.add(rowsOf(1));
  await one.close(20);
  await one.flush();
});
