import { expect, test } from 'vitest';
import type { Lsn, Topic } from '../../../events/ids.ts';
import { Dispatcher } from '../../../relay-cdc/dispatcher.ts';
import { RelayMetrics } from '../../../relay-cdc/metrics.ts';
import { RelayCore } from '../../../relay-cdc/relay-core.ts';
import { LIMITS } from './simulation/term.ts';

const lsn = (position: number): Lsn => BigInt(position) as Lsn;

const ignore = (): undefined => undefined;

/** A dispatcher that has read one row, whose publish ends as told. */
function dispatching() {
  const confirmed: Lsn[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<unknown>();
  const dispatcher = new Dispatcher({
    session: { confirm: (position) => confirmed.push(position), pause: ignore, resume: ignore },
    core: new RelayCore(lsn(0), LIMITS),
    lane: { publish: () => promise },
    metrics: new RelayMetrics(),
    onFailure: failed.resolve,
  });
  dispatcher.begin(lsn(10), 0);
  dispatcher.insert({ id: 1n, topic: 'a' as Topic, messageCount: 1, messages: Buffer.alloc(1) });
  dispatcher.commit(lsn(20));
  dispatcher.readEnd();
  return { dispatcher, confirmed, resolve, reject, failed: failed.promise };
}

test('nothing is confirmed before the publish has resolved, and its commit is then', async () => {
  const { dispatcher, confirmed, resolve } = dispatching();
  expect(confirmed).toEqual([lsn(0)]);
  resolve();
  await dispatcher.drain();
  expect(confirmed.at(-1)).toBe(lsn(20));
});

test('a publish that fails is told, and nothing of it is ever confirmed', async () => {
  const { dispatcher, confirmed, reject, failed } = dispatching();
  const error = new Error('refused');
  reject(error);
  await expect(failed).resolves.toBe(error);
  dispatcher.readEnd();
  expect(new Set(confirmed)).toEqual(new Set([lsn(0)]));
});
