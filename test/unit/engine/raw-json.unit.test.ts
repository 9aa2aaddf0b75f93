import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasUnstorableEscape, nestsDeeperThan, rawElements, rawMembers } from '../../../engine/raw-json.ts';

/** Any JSON text: parsed values printed with blanks, and every character of strings possibly escaped. */
const blank = fc.constantFrom('', ' ', '\n', '\t\r ', '  ');
const scalar = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  fc.string().map(escaped),
  fc.constantFrom('null', 'true', 'false', '0', '-0', '-12.5e+30', '123456789012345678901234567890', '1E400'),
);
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('json'), { maxLength: 4 }).chain(bracketed),
    fc
      .array(fc.tuple(fc.oneof(scalarKey(), fc.constant('"a"')), tie('json')), { maxLength: 4 })
      .chain(braced),
  ),
}));

function scalarKey() {
  return fc.oneof(
    fc.string().map(escaped),
    fc.integer().map((key) => `"${key}"`),
    fc.constant('"__proto__"'),
  );
}

function escaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, at) =>
    text.charCodeAt(at).toString(16).padStart(4, '0'),
  );
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`;
}

function bracketed(elements: string[]) {
  return blank.map((gap) => `${gap}[${gap}${elements.join(`${gap},${gap}`)}${gap}]${gap}`);
}

function braced(members: [string, string][]) {
  return blank.map((gap) => {
    const texts = members.map(([key, value]) => `${gap}${key}${gap}:${gap}${value}${gap}`);
    return `${gap}{${texts.join(',') || gap}}${gap}`;
  });
}

describe('rawMembers and rawElements', () => {
  test('give for any JSON the text of each part, as JSON.parse would read it', () => {
    fc.assert(
      fc.property(json, (text) => {
        const value: unknown = JSON.parse(text);
        if (Array.isArray(value)) {
          expect(rawElements(text).map(parse)).toEqual(value);
        } else if (typeof value === 'object' && value !== null) {
          const members = [...rawMembers(text)].map(([key, member]) => [key, parse(member)]);
          expect(new Map(members as [string, unknown][])).toEqual(new Map(Object.entries(value)));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('keep large numbers, key order and repeated keys of what lies within', () => {
    const payload = '{"2":1,"1":12345678901234567890, "a":1,"a":2}';
    expect(rawMembers(`{"type":"x","payload": ${payload} }`).get('payload')).toBe(payload);
  });

  test('take the last of a repeated key, also when it is written with escapes', () => {
    expect(rawMembers('{"payload":1,"payl\\u006fad":2}').get('payload')).toBe('2');
  });

  test('are not misled by brackets and quotes in strings', () => {
    expect(rawElements('["]\\"]", "\\\\", {"}":"{"}]')).toEqual(['"]\\"]"', '"\\\\"', '{"}":"{"}']);
  });

  test('take time in proportion to the text', () => {
    const text = `{"payload":"${'\\\\'.repeat(1_000_000)}"}`;
    const start = performance.now();
    rawMembers(text);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('nestsDeeperThan', () => {
  test('allows the limit and no level more', () => {
    expect(nestsDeeperThan('['.repeat(100) + ']'.repeat(100), 100)).toBe(false);
    expect(nestsDeeperThan('['.repeat(101) + ']'.repeat(101), 100)).toBe(true);
  });

  test('does not count brackets in strings, and takes text that is not JSON', () => {
    expect(nestsDeeperThan(`"${'['.repeat(500)}"`, 100)).toBe(false);
    expect(nestsDeeperThan('"never closed [[[', 2)).toBe(false);
    expect(nestsDeeperThan('{'.repeat(1_000_000), 100)).toBe(true);
  });
});

describe('hasUnstorableEscape', () => {
  test.each([
    ['"\\u0000"', true],
    ['"\\\\u0000"', false],
    ['"\\ud83d\\ude00"', false],
    ['"\\ud83d"', true],
    ['"\\ude00"', true],
    ['"\\ud83d\\ud83d\\ude00"', true],
    ['"\\ud83dx\\ude00"', true],
    ['"\\ud83d\\n"', true],
    ['"😀\\n\\u00e9"', false],
    ['{"\\u0000":1}', true],
  ])('%s: %s', (text, expected) => {
    expect(hasUnstorableEscape(text)).toBe(expected);
  });

  test('agrees with what the strings hold once parsed', () => {
    const unit = fc.oneof(fc.integer({ min: 0xd700, max: 0xe000 }), fc.integer({ min: 0, max: 0x60 }));
    fc.assert(
      fc.property(fc.array(unit), (units) => {
        const text = `"${units.map((code) => `\\u${code.toString(16).padStart(4, '0')}`).join('')}"`;
        const value: string = JSON.parse(text);
        expect(hasUnstorableEscape(text)).toBe(value.includes('\0') || !value.isWellFormed());
      }),
    );
  });
});

function parse(text: string): unknown {
  return JSON.parse(text);
}
