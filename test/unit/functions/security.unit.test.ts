import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { createJsonLogger } from '../../../adapters/system/logger.ts';
import { scopes } from '../../../functions/auth/scopes.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

test('every test that SECURITY.md names exists', () => {
  const rows = read('SECURITY.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('`test/'));
  expect(rows.length).toBeGreaterThan(15);
  for (const row of rows) {
    let file = '';
    for (const [, path, title] of row.matchAll(/`(test\/[^`]+)`|"([^"]+)"/g)) {
      file = path ?? file;
      if (title) expect({ file, has: read(file).includes(title), title }).toEqual({ file, has: true, title });
    }
  }
});

test('the guide says what each scope lets do, in the words of the code', () => {
  const guide = read('docs/guide/security.md');
  for (const [name, words] of Object.entries(scopes)) expect(guide).toContain(`| \`${name}\` | ${words} |`);
});

test('no code of the API or the engine sends a request, but to the issuer of tokens', () => {
  const files = globSync('{engine,events,functions/http,functions/auth,adapters/postgres}/**/*.ts', {
    cwd: ROOT,
  });
  const sending = files.filter((file) =>
    /(?<![.#\w])fetch\(|node:https?'|createRemoteJWKSet\(/.test(read(file)),
  );
  expect(sending).toEqual(['functions/auth/jwt.ts']);
});

test('no statement is put together from values', () => {
  const files = globSync('{adapters/postgres,relay-cdc}/sql/*.ts', { cwd: ROOT });
  const holes = files.flatMap((file) =>
    [...read(file).matchAll(/\$\{([^}]*)\}/g)].map(([, hole]) => hole ?? ''),
  );
  // Parts of statements that are written out in the code under a name in capitals, or made by a function from nothing else.
  const fromElsewhere = holes.filter((hole) => !/^[A-Z][A-Z_]+$|^\w+(?:\.\w+)?(?:\(.*\))?$/s.test(hole));
  expect(fromElsewhere).toEqual([]);
});

test('a value with a line break stays within its line', () => {
  const lines: string[] = [];
  createJsonLogger('info', (line) => lines.push(line)).info('said', {
    text: 'a\n{"level":"error"}\u001b[31m\u2028',
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.trimEnd().includes('\n')).toBe(false);
  expect(lines[0]).not.toContain('\u001b');
});

test('every version in package.json is exact', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^(?:npm:.+@)?\d+\.\d+\.\d+[\w.-]*$/.test(version),
  );
  expect(loose).toEqual([]);
});
