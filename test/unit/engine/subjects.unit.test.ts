import { expect, it } from 'vitest';
import {
  isSubject,
  isSubjectPattern,
  patternsOverlap,
  patternToRegex,
  subjectMatches,
} from '../../../engine/subjects.ts';

const subjects = ['a', 'a.b', 'a.b.c', 'a.c', 'b', 'a_b', 'a$.b', 'A.b', 'a-b.c'];
const patterns = ['a', '*', '>', 'a.*', 'a.>', '*.b', '*.*', 'a.b.>', 'a_b', 'a$.*', 'a-b.>'];

it('the regular expression of a pattern matches what the pattern does', () => {
  for (const pattern of patterns) {
    const expected = subjects.filter((subject) => subjectMatches(pattern, subject));
    expect(subjects.filter((subject) => new RegExp(patternToRegex(pattern)).test(subject))).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
  }
});

it('a trailing > stands for at least one token', () => {
  expect(subjectMatches('a.>', 'a')).toBe(false);
  expect(subjectMatches('a.>', 'a.b.c.d')).toBe(true);
});

it.each([
  ['a.>', 'a.b', true],
  ['a.>', 'a', false],
  ['*.b', 'a.*', true],
  ['*.b', 'a.c', false],
  ['>', 'x', true],
  ['a.*', 'a.b.c', false],
  ['a.*.c', 'a.b.>', true],
])('%s and %s overlap: %s', (one, other, expected) => {
  expect([patternsOverlap(one, other), patternsOverlap(other, one)]).toEqual([expected, expected]);
});

it('tells subjects from patterns and from neither', () => {
  expect(['a', 'a.b', 'grün.x'].every(isSubject)).toBe(true);
  expect(['', '.', 'a.', 'a..b', 'a b', 'a.*', '>'].some(isSubject)).toBe(false);
  expect(['a', '*', '>', 'a.*.>'].every(isSubjectPattern)).toBe(true);
  expect(['', 'a.>.b', 'a*', 'a.b>', '..'].some(isSubjectPattern)).toBe(false);
});
