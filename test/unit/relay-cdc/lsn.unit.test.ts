import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lsn } from '../../../events/ids.ts';
import { formatLsn, laterOf, parseLsn } from '../../../relay-cdc/lsn.ts';

test('an LSN reads back as it was written, over its whole range', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (position) => {
      expect(parseLsn(formatLsn(position as Lsn))).toBe(position);
    }),
  );
});

test('it is written as PostgreSQL writes it', () => {
  expect(formatLsn(0x16b374d848n as Lsn)).toBe('16/B374D848');
  expect(formatLsn(0n as Lsn)).toBe('0/0');
});

test.each(['', '0', '/', '0/', '/0', '1/2/3', 'x/0', '123456789/0', ' 0/0'])('"%s" is refused', (text) => {
  expect(() => parseLsn(text)).toThrow(RangeError);
});

test('the later of two positions is found beyond 32 bits', () => {
  expect(laterOf(parseLsn('1/0'), parseLsn('0/FFFFFFFF'))).toBe(parseLsn('1/0'));
});
