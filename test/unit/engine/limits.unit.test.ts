import { expect, test } from 'vitest';
import { jobFromNew } from '../../../adapters/memory/job-states.ts';
import { admitted, type JobLimits, type LimitUsage } from '../../../engine/limits.ts';
import { aJob } from '../../conformance/record-store.fixtures.ts';

const now = new Date('2026-01-01T12:00:00Z');
const ago = (ms: number) => new Date(now.getTime() - ms);
const nothing: LimitUsage = { now, open: new Map(), notStarted: new Map(), starts: new Map() };

function inLine(...limits: readonly JobLimits[]) {
  return limits.map((each) => jobFromNew(aJob({ status: 'pending', limits: each }), now));
}

function places(waiting: ReturnType<typeof inLine>, usage: Partial<LimitUsage>): number[] {
  const let_in = admitted(waiting, { ...nothing, ...usage });
  return let_in.map((job) => waiting.indexOf(job));
}

const running = (limit: number, key = 'c'): JobLimits => ({ concurrency: { key, limit } });
const rate = (limit: number, key = 'r'): JobLimits => ({ rate: { key, limit, per_seconds: 10 } });

test('as many as there are places, in the order of their turn, each line by itself', () => {
  const waiting = inLine(running(2), running(2), running(1, 'other'), running(2));
  expect(places(waiting, {})).toEqual([0, 1, 2]);
  expect(places(waiting, { open: new Map([['c', 1]]) })).toEqual([0, 2]);
  expect(places(waiting, { open: new Map([['c', 2]]) })).toEqual([2]);
  expect(places(waiting, { open: new Map([['c', 5]]) })).toEqual([2]);
});

test('nobody goes past the first of the line, even with a higher limit of its own', () => {
  expect(places(inLine(running(1), running(9)), { open: new Map([['c', 1]]) })).toEqual([]);
});

test('a start counts against the rate for its whole span and no longer', () => {
  const waiting = inLine(rate(2), rate(2), rate(2));
  const after = (...starts: number[]) => places(waiting, { starts: new Map([['r', starts.map(ago)]]) });
  expect(after()).toEqual([0, 1]);
  expect(after(9_999)).toEqual([0]);
  expect(after(10_000)).toEqual([0, 1]);
  expect(after(1, 9_999)).toEqual([]);
});

test('what is queued and has not started counts like a start', () => {
  expect(places(inLine(rate(2), rate(2)), { notStarted: new Map([['r', 1]]) })).toEqual([0]);
  expect(
    places(inLine(rate(2)), { notStarted: new Map([['r', 1]]), starts: new Map([['r', [ago(1)]]]) }),
  ).toEqual([]);
});

test('a key that two lines share is counted once', () => {
  const both = { ...running(2), ...rate(9) };
  expect(places(inLine(running(2), both, running(2), both), {})).toEqual([0, 1]);
});

test('both limits of a job must have room', () => {
  const both = { ...running(1), ...rate(1) };
  expect(places(inLine(both), { open: new Map([['c', 1]]) })).toEqual([]);
  expect(places(inLine(both), { starts: new Map([['r', [ago(5)]]]) })).toEqual([]);
  expect(places(inLine(both), {})).toEqual([0]);
});
