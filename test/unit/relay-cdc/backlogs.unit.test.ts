import { expect, test } from 'vitest';
import type { ConsumerLag } from '../../../engine/ports/consumer-lag.ts';
import type { StepId, Topic } from '../../../events/ids.ts';
import { Backlogs } from '../../../relay-cdc/backlogs.ts';

const step = 'noop' as StepId;
const lag = (seconds: number, hasCommitted = true): ConsumerLag => ({
  ...{ step, seconds, messages: 0, hasCommitted },
  topic: 'workflow.jobs.noop' as Topic,
  group: 'workflow.workers.noop',
});

function atTime() {
  let now = 1_000_000;
  const clock = { now: () => new Date(now), sleep: () => Promise.resolve() };
  const pass = (ms: number) => {
    now += ms;
  };
  return { backlogs: new Backlogs(clock), pass };
}

test('what a group has not committed waits, and may have waited ever since it was looked at', () => {
  const { backlogs, pass } = atTime();
  backlogs.tell([lag(40)]);
  expect(backlogs.ages(60_000).get(step)).toBe(40_000);
  pass(5_000);
  expect(backlogs.ages(60_000).get(step)).toBe(45_000);
  // The broker cannot be asked: nothing may have been taken since.
  backlogs.tell([]);
  expect(backlogs.ages(60_000).get(step)).toBe(45_000);
  pass(3_600_000);
  expect(backlogs.ages(60_000).get(step)).toBe(60_000);
});

test('what lies in a topic whose group never committed waits for nobody', () => {
  const { backlogs } = atTime();
  backlogs.tell([lag(40)]);
  backlogs.tell([lag(40, false)]);
  expect(backlogs.ages(60_000).has(step)).toBe(false);
});
