import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findJsonFault } from '../../../../functions/http/json-fault.ts';

describe('findJsonFault', () => {
  test.each([
    ['{"a":1', 6, ', or }'],
    ['{"a" 1}', 5, ':'],
    ['{a:1}', 1, 'key or }'],
    ['[1,]', 3, 'value'],
    ['{"a":1,}', 7, 'key'],
    ['[1 2]', 3, ', or ]'],
    ['1 2', 2, 'the end'],
    ['["\\x"]', 1, 'value or ]'],
    ['[01]', 2, ', or ]'],
    ["{'a':1}", 1, 'key or }'],
    ['\uFEFF{}', 0, 'value'],
    ['[}', 1, 'value or ]'],
  ])('%s stops being JSON at %i', (text, position, expected) => {
    expect(findJsonFault(text)).toMatchObject({ position, expected });
  });

  test('counts lines and columns from 1', () => {
    expect(findJsonFault('{\n  "a": nope\n}')).toMatchObject({ line: 2, column: 8 });
  });

  test('finds a fault in exactly the texts that JSON.parse refuses', () => {
    const change = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', ',', '"', '{', ']', ':', '\\', '0', ' ', '\n', 'e'),
    );
    fc.assert(
      fc.property(change, ([text, at, put]) => {
        const place = at % (text.length + 1);
        const changed = text.slice(0, place) + put + text.slice(place + 1);
        expect(findJsonFault(changed) === undefined).toBe(isJson(changed));
      }),
      { numRuns: 3000 },
    );
  });

  test('looks through megabytes of one string', () => {
    expect(findJsonFault(`["${'x\\n'.repeat(1_000_000)}"`)).toMatchObject({ expected: ', or ]' });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
