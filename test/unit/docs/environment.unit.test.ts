import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');

/** Variables that only the tests and benches of this repository read. */
const OURS = /^WE_(TEST|BENCH)_/;

function variablesIn(text: string): string[] {
  return [...text.matchAll(/\bWE_[A-Z][A-Z_]+\b/g)].map(([name]) => name).filter((name) => !OURS.test(name));
}

test('the table of environment variables lists what the code reads, each once', () => {
  const files = globSync('{adapters,relay-cdc,functions,cli}/**/*.ts', { cwd: ROOT });
  const reads = files.flatMap((file) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    const quoted = [...source.matchAll(/(?:env,\s*|env\[)'(WE_[A-Z_]+)'/g)].map((match) => match[1] ?? '');
    return quoted.filter((name) => !OURS.test(name));
  });
  const table = readFileSync(join(ROOT, 'docs/environment.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `WE_'))
    .map((line) => variablesIn(line)[0] ?? '');

  expect([...table].sort()).toEqual([...new Set(reads)].sort());
});
