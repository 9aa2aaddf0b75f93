import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compile,
  evaluateCondition,
  evaluateJson,
  syntaxFault,
} from '../../../../engine/workflow/expressions.ts';
import { readVariables } from '../../../../engine/workflow/variables.ts';

const variables = readVariables(
  JSON.stringify({
    a: 1,
    s: 'hello',
    yes: true,
    none: null,
    list: [1, 'x', { k: 2 }],
    o: { inner: { deep: [10, 20] }, 'odd key': 5 },
  }),
);
const now = new Date('2026-01-02T03:04:05.678Z');

function value(text: string, more: ReadonlyMap<string, string> = new Map()): string {
  return evaluateJson(compile(text), { variables: new Map([...variables, ...more]), now });
}

describe('an expression', () => {
  test.each([
    ['a == 1', 'true'],
    ["a == '1'", 'false'],
    ['a == true', 'false'],
    ['s == "hello" && a < 2', 'true'],
    ['yes and not (a > 1) or none == nil', 'true'],
    ['s + " " + "world"', '"hello world"'],
    ['(a + 2) * 3 - 4 / 2 % 3', '7'],
    ['2 ** 3', '8'],
    ['-a', '-1'],
    ['len(s) + len(list) + len(o)', '10'],
    ["'x' in list", 'true'],
    ['2 not in list', 'true'],
    ["'inner' in o", 'true'],
    ['contains(list, 1)', 'true'],
    ['s startsWith "he" && s endsWith "lo" && s contains "ell"', 'true'],
    ['o.inner.deep[1]', '20'],
    ['o.inner.deep[-1]', '20'],
    ["o['odd key']", '5'],
    ['o.missing', 'null'],
    ['o.missing == 1', 'false'],
    ['none?.anything', 'null'],
    ['none ?? 5', '5'],
    ['yes ? s : nosuch', undefined],
    ['a in [1, 2, 3]', 'true'],
    ['now()', '"2026-01-02T03:04:05Z"'],
    ['upper(s)', '"HELLO"'],
    ['${a} == #a', 'true'],
    ["'a#b ${x}'", '"a#b ${x}"'],
    ['o.inner == o.inner', 'true'],
    ["int('7') + round(1.5)", '9'],
  ])('%s', (text, expected) => {
    if (expected === undefined) expect(() => value(text)).toThrow('undefined variable "nosuch"');
    else expect(value(text)).toBe(expected);
  });

  test('gives numbers as they were written, and compares those beyond 2^53 exactly', () => {
    const more = new Map([
      ['big', '12345678901234567890'],
      ['money', '1.10'],
      ['o2', '{"2":1,"1":[1.0]}'],
    ]);
    expect(value('big', more)).toBe('12345678901234567890');
    expect(value('yes ? money : a', more)).toBe('1.10');
    expect(value('o2', more)).toBe('{"2":1,"1":[1.0]}');
    expect(value('big == 12345678901234567891', more)).toBe('false');
    expect(value('big == 12345678901234567890', more)).toBe('true');
    expect(value('big > a', more)).toBe('true');
    expect(() => value('big + 1', more)).toThrow('beyond 2^53');
  });

  test.each([
    ['s + 1', 'is not a string'],
    ['s < 1', 'cannot compare'],
    ['!a', 'is not true or false'],
    ['a && yes', 'number where true or false is needed'],
    ['none.x', 'cannot take "x" of nil'],
    ['len(a)', 'has no length'],
    ['1 / 0', 'not a number that JSON can hold'],
    ['list[9]', 'out of the list'],
    ['nosuch', 'undefined variable "nosuch"'],
  ])('%s fails', (text, message) => {
    expect(() => value(text)).toThrow(message);
  });

  test('as a condition must be true or false', () => {
    const check = () => evaluateCondition(compile('a + 1'), { variables, now });
    expect(check).toThrow('expression "a + 1": result is number, not bool');
  });

  test.each([
    ['', 'is empty'],
    ['a +', 'Expected expression'],
    ['a b', 'more than one expression'],
    ['alert(1)', 'calls "alert"'],
    ['o.inner.toString()', 'calls something that is no function'],
    ['constructor.constructor("x")()', 'calls something that is no function'],
    ['len(a, a)', 'takes 1 arguments, got 2'],
    ['a = 1', 'Unexpected'],
    ['`x`', 'Unexpected'],
    [`${'('.repeat(100)}a${')'.repeat(100)}`, undefined],
    ['-'.repeat(200).concat('a'), 'nests deeper'],
    ['a+'.repeat(3000).concat('a'), 'longer than 4096 characters'],
  ])('%s is refused when it is written', (text, message) => {
    if (message === undefined) expect(syntaxFault(text)).toBeUndefined();
    else expect(syntaxFault(text)).toContain(message);
  });

  test('reaches nothing but the variables', () => {
    for (const text of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'this']) {
      expect(() => value(text)).toThrow();
    }
    for (const text of ['o.constructor', 'o.__proto__', 'o.toString', 'o["constructor"]']) {
      expect(value(text)).toBe('null');
    }
    expect(() => value('s.length')).toThrow();
    expect(() => value('list.length')).toThrow();
  });

  test('that would read too much is stopped', () => {
    const more = new Map([['big', `[${'1,'.repeat(100_000)}1]`]]);
    const text = Array.from({ length: 200 }, () => 'len(big)')
      .join(' + ')
      .slice(0, 4000);
    expect(() => value(text.slice(0, text.lastIndexOf(' + ')), more)).toThrow(/reads too much|nests deeper/);
  });

  test('of any text either compiles or says why, and never does anything else', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), (text) => {
        const fault = syntaxFault(text);
        expect(fault === undefined || fault.length > 0).toBe(true);
      }),
    );
  });
});
