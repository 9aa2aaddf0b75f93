import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-release-'));
  for (const name of ['package.json', 'package-lock.json', '.changeset/config.json'])
    await cp(join(ROOT, name), join(directory, name), { recursive: true });
  await writeFile(
    join(directory, 'CHANGELOG.md'),
    '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n',
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const prepare = () => run(process.execPath, [join(ROOT, 'infra/release/prepare.ts'), directory]);
const read = (name: string) => readFile(join(directory, name), 'utf8');

test('without a changeset there is nothing to release, and nothing is changed', async () => {
  const before = await read('package.json');
  await expect(prepare()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('npm run changeset'),
  });
  expect(await read('package.json')).toBe(before);
});

test('a minor change makes the next minor version of package, lock and change log, and the notes of it', async () => {
  const { version } = JSON.parse(await read('package.json'));
  const [major, minor] = version.split('.').map(Number);
  const next = `${major}.${minor + 1}.0`;
  await writeFile(join(directory, '.changeset/a-thing.md'), '---\n"millrace": minor\n---\n\nA thing.\n');

  await prepare();

  expect(JSON.parse(await read('package.json')).version).toBe(next);
  const lock = JSON.parse(await read('package-lock.json'));
  expect([lock.version, lock.packages[''].version]).toEqual([next, next]);
  expect(await read('CHANGELOG.md')).toMatch(`## [Unreleased]\n\n## [${next}] - `);
  expect(await read('dist/release-notes.md')).toBe('### Added\n\n- A thing.\n');
});
