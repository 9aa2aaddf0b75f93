import { expect, test } from 'vitest';
import { checkHistory, Written } from '../../chaos/history.ts';

function written(...values: string[]): Written {
  const history = new Written();
  for (const value of values) history.committed.add(value);
  history.refused.add('a#90');
  history.unknown.add('a#91');
  return history;
}

const seen = (...values: string[]) => values.map((value) => ({ key: value.slice(0, 1), value }));
const strict = { duplicates: 0, left: 0 };

test('a history that keeps every promise gives its counts', () => {
  const verdict = checkHistory(written('a#1', 'a#2', 'b#1'), seen('a#1', 'b#1', 'a#1', 'a#2', 'a#91'), {
    duplicates: 1,
    left: 0,
  });
  expect(verdict).toEqual({ messages: 4, duplicates: 1 });
});

test.each([
  ['a committed message that is missing', seen('a#1'), strict, '1 committed and never published: a#2'],
  ['a refused one that is there', seen('a#1', 'a#2', 'a#90'), strict, 'never committed: a#90'],
  ['one that was never written', seen('a#1', 'a#2', 'x#1'), strict, 'never committed: x#1'],
  ['a key out of order', seen('a#2', 'a#1'), strict, 'a#1 after #2'],
  ['more repeats than promised', seen('a#1', 'a#2', 'a#2'), strict, '1 records are repeated'],
  ['rows left behind', seen('a#1', 'a#2'), { duplicates: 0, left: 3 }, '3 rows are left'],
] as const)('%s is named', (_, records, promises, words) => {
  expect(() => checkHistory(written('a#1', 'a#2'), records, promises)).toThrow(words);
});

test('a repeat of an earlier record is no breach of order', () => {
  const repeated = seen('a#1', 'a#2', 'a#1', 'a#2');
  expect(checkHistory(written('a#1', 'a#2'), repeated, { duplicates: 2, left: 0 }).duplicates).toBe(2);
});

test('a history without a single commit proves nothing and says so', () => {
  expect(() => checkHistory(new Written(), [], strict)).toThrow('tested nothing');
});
