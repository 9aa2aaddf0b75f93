import fc from 'fast-check';
import { types } from 'pg';
import { expect, test } from 'vitest';
import { parseTimestamp } from '../../../../adapters/postgres/timestamps.ts';

const parseAny: (text: string) => unknown = types.getTypeParser(types.builtins.TIMESTAMPTZ);

test('reads what a server in UTC writes as pg itself does', () => {
  const text = fc
    .tuple(
      fc.date({ min: new Date('0100-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      fc.constantFrom('', '.1', '.12', '.123', '.1239', '.12399', '.123999', '.000001'),
    )
    .map(([date, fraction]) => `${date.toISOString().slice(0, 19).replace('T', ' ')}${fraction}+00`);
  fc.assert(
    fc.property(text, (one) => {
      expect(parseTimestamp(one)).toEqual(parseAny(one));
    }),
  );
});

test.each([
  '2026-01-31 23:59:59.5+02',
  '2026-01-31 23:59:59-03:30',
  '0044-03-15 12:00:00+00 BC',
  '12026-01-31 00:00:00+00',
  'infinity',
])('leaves %s to pg', (text) => {
  expect(parseTimestamp(text)).toEqual(parseAny(text));
});
