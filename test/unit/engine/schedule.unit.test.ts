import { expect, test } from 'vitest';
import { cron } from '../../../adapters/system/cron.ts';
import { dueTicks, type MissedPolicy, type ScheduleRecord } from '../../../engine/schedule.ts';
import type { StepId } from '../../../events/ids.ts';

const at = (time: string) => new Date(`2026-01-01T${time}Z`);

function schedule(missed: MissedPolicy, missedLimit = 100): ScheduleRecord {
  return {
    name: 'quarterly',
    cron: '*/15 * * * *',
    timeZone: 'UTC',
    missed,
    missedLimit,
    type: 'noop' as StepId,
    definition: null,
    payload: '{}',
    maxRetries: 0,
    retry: null,
    priority: 0,
    partitionKey: null,
    enabled: true,
    source: 'api',
    revision: 1,
    nextRunAt: at('10:00:00'),
    lastRunAt: null,
    createdAt: at('09:00:00'),
    updatedAt: at('09:00:00'),
  };
}

test.each<[string, MissedPolicy, number, string, string[], string]>([
  ['in time', 'skip', 100, '10:00:00.004', ['10:00:00'], '10:15:00'],
  ['in time', 'run_once', 100, '10:00:00.004', ['10:00:00'], '10:15:00'],
  ['in time', 'run_all', 100, '10:00:00.004', ['10:00:00'], '10:15:00'],
  ['a change of leader late', 'skip', 100, '10:01:00', ['10:00:00'], '10:15:00'],
  ['late', 'skip', 100, '10:01:00.001', [], '10:15:00'],
  ['after an hour, between ticks', 'skip', 100, '11:05:00', [], '11:15:00'],
  ['after an hour, at a tick', 'skip', 100, '11:00:00', ['11:00:00'], '11:15:00'],
  ['after an hour', 'run_once', 100, '11:05:00', ['11:00:00'], '11:15:00'],
  [
    'after an hour',
    'run_all',
    100,
    '11:05:00',
    ['10:00:00', '10:15:00', '10:30:00', '10:45:00', '11:00:00'],
    '11:15:00',
  ],
  ['after an hour, at most two', 'run_all', 2, '11:05:00', ['10:45:00', '11:00:00'], '11:15:00'],
  ['too early', 'run_all', 100, '09:59:59.999', [], '10:00:00'],
])('%s, %s (limit %i) at %s runs %s, and is due next at %s', (_, missed, limit, now, run, next) => {
  const due = dueTicks(schedule(missed, limit), at(now), cron);
  expect(due).toEqual({ run: run.map(at), next: at(next) });
});

test('years of missed seconds are not walked through', () => {
  const everySecond = {
    ...schedule('run_all', 3),
    cron: '* * * * * *',
    nextRunAt: new Date('2000-01-01T00:00:00Z'),
  };
  const { run } = dueTicks(everySecond, at('10:00:00'), cron);
  expect(run).toEqual([at('09:59:58'), at('09:59:59'), at('10:00:00')]);
});

test('a last tick leaves nothing to wait for', () => {
  const never = { ...cron, next: () => undefined };
  expect(dueTicks(schedule('run_once'), at('10:00:00'), never)).toEqual({
    run: [at('10:00:00')],
    next: null,
  });
});
