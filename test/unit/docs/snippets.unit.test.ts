import { expect, test } from 'vitest';
import { pages, snippetsOf } from '../../helpers/snippets.ts';

/** Each has a test that runs it or checks it: test/int/docs, and test/e2e/tutorial. */
const RUN = ['ts', 'sh', 'sql', 'json', 'yaml'];
const PICTURES = ['text', 'mermaid'];

test('every fenced block names a language that a test runs, or is a picture', () => {
  const others = pages()
    .flatMap(snippetsOf)
    .filter(({ language }) => ![...RUN, ...PICTURES].includes(language))
    .map(({ page, line, language }) => `${page}:${line} ${language || 'no language'}`);
  expect(others).toEqual([]);
});

test('a block that no test runs says why', () => {
  const silent = pages()
    .flatMap(snippetsOf)
    .filter(({ marks }) => marks['not run'] !== undefined && marks['not run'].length < 10)
    .map(({ page, line }) => `${page}:${line}`);
  expect(silent).toEqual([]);
});

test('JSON says where it is sent', () => {
  const lost = pages()
    .flatMap(snippetsOf)
    .filter(({ language, marks }) => language === 'json' && !/^POST \/\S+$/.test(marks['sent to'] ?? ''))
    .map(({ page, line }) => `${page}:${line}`);
  expect(lost).toEqual([]);
});
