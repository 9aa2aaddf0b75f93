import { expect, test } from 'vitest';
import type { Term, Topic } from '../../../events/ids.ts';
import { DispatchDetails } from '../../../relay-cdc/dispatch-details.ts';
import type { PublishedRow } from '../../../relay-cdc/published.ts';

const row: PublishedRow = {
  id: 1n,
  topic: 't' as Topic,
  jobs: 1,
  ids: Buffer.alloc(16),
  firstId: 0,
  whole: true,
};
const arrived = (ageMs: number, readAt: number) => ({
  ...row,
  hops: { arrival: { ageMs, readAt }, ackedAt: 120 },
});

test('tells the way of a row in durations: commit to decode, to the answer of the broker, to the audit row', () => {
  const details = new DispatchDetails(7n as Term, 150);
  expect(details.placeOf(arrived(3.2, 100))).toBe(1);
  expect(details.texts.map((text) => JSON.parse(text))).toEqual([
    { topic: 't', term: 7, decode_ms: 3.2, ack_ms: 20, written_ms: 30 },
  ]);
});

test('rows of one way share a text, and each other way has its own', () => {
  const details = new DispatchDetails(7n as Term, 150);
  const rows = [arrived(3.2, 100), row, arrived(3.21, 100.01), arrived(5, 100), row];
  expect(rows.map((one) => details.placeOf(one))).toEqual([1, 2, 1, 3, 2]);
  expect(JSON.parse(details.texts[1] ?? '')).toEqual({ topic: 't', term: 7 });
});

test('rows of two topics that came and went together have a text each', () => {
  const details = new DispatchDetails(7n as Term, 150);
  const { hops } = arrived(3.2, 100);
  const topics = ['t', 'u', 't'] as Topic[];
  expect(topics.map((topic) => details.placeOf({ topic, hops }))).toEqual([1, 2, 1]);
  expect(details.texts.map((text) => JSON.parse(text).topic)).toEqual(['t', 'u']);
});

test('a commit that is read before its own time, by a clock that was set back, took no time', () => {
  const details = new DispatchDetails(7n as Term, 150);
  details.placeOf(arrived(-4, 100));
  expect(details.texts[0]).toContain('"decode_ms":0');
});
