import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readAuthorizerConfig } from '../../../../functions/authorizer/config.ts';
import { matchKey } from '../../../../functions/authorizer/keys.ts';

const hash = (key: string) => createHash('sha256').update(key).digest();
const hashes = [hash('first-key'), hash('second-key')];

describe('an API key', () => {
  test('is let in by any of the hashes', () => {
    expect(matchKey({ authorization: 'Bearer first-key' }, hashes)).toBe(0);
    expect(matchKey({ authorization: 'bearer second-key' }, hashes)).toBe(1);
  });

  test.each([
    {},
    { authorization: '' },
    { authorization: 'Bearer ' },
    { authorization: 'first-key' },
    { authorization: 'Bearer third-key' },
    { authorization: 'Bearer first-key second-key' },
    { authorization: `Bearer ${'x'.repeat(10_000)}` },
    { authorization: `Bearer ${hash('first-key').toString('hex')}` },
  ])('is refused otherwise: %j', (headers) => {
    expect(matchKey(headers, hashes)).toBeUndefined();
  });
});

describe('the hashes of the keys', () => {
  test('are read from one variable', () => {
    const text = hashes.map((one) => one.toString('hex')).join(', ');
    expect(readAuthorizerConfig({ WE_API_KEY_HASHES: text }).keyHashes).toEqual(hashes);
  });

  test.each(['first-key', 'AB'.repeat(32), `${'ab'.repeat(32)},`])(
    'are refused when malformed, without repeating what may be a key: %s',
    (text) => {
      expect(() => readAuthorizerConfig({ WE_API_KEY_HASHES: text })).toThrow(
        /WE_API_KEY_HASHES is malformed/,
      );
    },
  );
});
