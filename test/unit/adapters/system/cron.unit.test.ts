import { describe, expect, test } from 'vitest';
import { cron } from '../../../../adapters/system/cron.ts';

function ticks(expression: string, timeZone: string, after: string, count: number): string[] {
  const found: string[] = [];
  for (let at: Date | undefined = new Date(after); at && found.length < count; ) {
    at = cron.next({ cron: expression, timeZone }, at);
    if (at) found.push(at.toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

describe('ticks around the changes of the clock', () => {
  // Where it goes forward, a daily tick within the gap comes at the moment of the change; where it goes back, it counts once.
  test.each([
    [
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T00:00Z',
      ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T00:00Z',
      ['2026-10-24T00:30Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      '30 2 * * *',
      'America/New_York',
      '2026-03-07T00:00Z',
      ['2026-03-07T07:30Z', '2026-03-08T07:00Z', '2026-03-09T06:30Z'],
    ],
    [
      '30 1 * * *',
      'America/New_York',
      '2026-10-31T00:00Z',
      ['2026-10-31T05:30Z', '2026-11-01T05:30Z', '2026-11-02T06:30Z'],
    ],
    [
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T00:00Z',
      ['2026-10-02T15:45Z', '2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    ],
    [
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-03T00:00Z',
      ['2026-04-03T14:45Z', '2026-04-04T14:45Z', '2026-04-05T15:15Z'],
    ],
    [
      '0 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:30Z',
      ['2026-10-25T00:00Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z'],
    ],
    [
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:10Z',
      ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z'],
    ],
    [
      '*/20 * * * *',
      'Australia/Lord_Howe',
      '2026-04-04T14:50Z',
      ['2026-04-04T15:10Z', '2026-04-04T15:30Z', '2026-04-04T15:50Z'],
    ],
  ])('%s in %s after %s', (expression, timeZone, after, expected) => {
    expect(ticks(expression, timeZone, after, expected.length)).toEqual(expected);
  });

  test('the ticks before a moment are those that came after one', () => {
    const schedule = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' };
    const latest = cron.latest(schedule, new Date('2026-03-30T00:30:00Z'), 3);
    expect(latest.map((tick) => tick.toISOString())).toEqual([
      '2026-03-30T00:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-28T01:30:00.000Z',
    ]);
    expect(cron.latest(schedule, new Date('2026-03-30T00:29:59.999Z'), 1)[0]?.toISOString()).toBe(
      '2026-03-29T01:00:00.000Z',
    );
  });
});

describe('what an expression may be', () => {
  test.each(['* * * * *', '*/10 * * * * *', '0 9 * * MON-FRI', '0 0 L * *', '15,45 8-18/2 1 JAN *'])(
    '%s',
    (expression) => {
      expect(cron.fault({ cron: expression, timeZone: 'UTC' })).toBeUndefined();
    },
  );

  test.each([
    ['60 * * * *', 'UTC', 'cron', /minute/],
    ['* * *', 'UTC', 'cron', /five/],
    ['* * * * * * *', 'UTC', 'cron', /5 or 6/],
    ['0 0 30 2 *', 'UTC', 'cron', /never comes/],
    ['* * * * *', 'Mars/Olympus', 'time_zone', /IANA/],
    ['* * * * *', '+01:00', 'time_zone', /IANA/],
  ])('not %s in %s', (expression, timeZone, field, message) => {
    const fault = cron.fault({ cron: expression, timeZone });
    expect(fault).toEqual({ field, message: expect.stringMatching(message) });
  });
});
