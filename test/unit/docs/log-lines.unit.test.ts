import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { engineLines } from '../../../adapters/system/engine-lines.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

test('the guide lists the log lines of the Rochallor engine that are said here, and each of them is said', () => {
  const listed = [...read('docs/guide/bring-your-rochallor-workers.md').matchAll(/^\| `(\w+: [\w ]+)` \|/gm)];
  expect(listed.map(([, line]) => line)).toEqual(Object.values(engineLines));
  const code = globSync('{cli,relay-cdc}/**/*.ts', { cwd: ROOT }).map(read).join('\n');
  const said = [...code.matchAll(/sayLine\([\w.()]+, '(\w+)'/g)].map(([, key]) => key);
  expect([...new Set(said)].sort()).toEqual(Object.keys(engineLines).sort());
});
