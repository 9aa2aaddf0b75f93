import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pages, ROOT, snippetsOf } from '../../helpers/snippets.ts';

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

test('a block in a list is seen, with its marks and without its indent', () => {
  const page = 'docs/guide/bring-your-rochallor-workers.md';
  const [first] = snippetsOf(page).filter(({ language }) => language === 'sh');
  expect(first?.text).toMatch(/^curl /);
  expect(first?.marks.given).toContain('API=');
});

test('every fence of a page is one of a block that is seen', () => {
  const unseen = pages().filter((page) => {
    const fences = readFileSync(join(ROOT, page), 'utf8').match(/^[ \t>]*(```|~~~)/gm) ?? [];
    return fences.length !== 2 * snippetsOf(page).length;
  });
  expect(unseen).toEqual([]);
});
