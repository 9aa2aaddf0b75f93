import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT, type Snippet, snippetsToRun } from '../../helpers/snippets.ts';

const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-snippet-types-'));
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const compilerOptions = {
    // A snippet shows names that it does not use, and imports from the root of a clone.
    noUnusedLocals: false,
    noUnusedParameters: false,
    rootDirs: [directory, ROOT],
    paths: {
      '@millrace/sdk': [join(ROOT, 'sdk/index.ts')],
      '@millrace/sdk/testing': [join(ROOT, 'sdk/testing.ts')],
      '@millrace/sdk/client': [join(ROOT, 'sdk/client.ts')],
    },
  };
  const project = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'], exclude: [] };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(project));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Returns what the compiler says, with the page and its line. */
async function check(snippets: readonly Snippet[]): Promise<string[]> {
  const places = new Map<string, (line: number) => string>();
  for (const { page, line, text, marks } of snippets) {
    const name = `${page.replaceAll(/\W/g, '-')}-${line}.ts`;
    const before = marks.given === undefined ? '' : `${marks.given}\n`;
    const shift = line - before.split('\n').length + 1;
    places.set(name, (at) => `${page}:${at + shift}`);
    await writeFile(join(directory, name), `${before}${text}\nexport {};\n`);
  }
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  const output = await run(compiler, ['--noEmit', '--pretty', 'false', '-p', directory]).then(
    () => '',
    (error: { stdout?: string }) => String(error.stdout),
  );
  const faults = output.split('\n').filter((line) => line !== '');
  return faults.map((fault) =>
    fault.replace(
      /^\S*?([\w-]+\.ts)\((\d+),\d+\)/,
      (all, name, line) => places.get(name)?.(Number(line)) ?? all,
    ),
  );
}

test('the TypeScript of the pages compiles, and what would not is told with its page', async () => {
  const wrong = {
    page: 'docs/no-such.md',
    line: 7,
    language: 'ts',
    text: 'const a: number = "b";',
    marks: {},
  };
  const snippets = snippetsToRun('ts');
  expect(snippets.length).toBeGreaterThan(5);
  expect(await check([...snippets, wrong])).toEqual([
    expect.stringContaining('docs/no-such.md:8: error TS2322'),
  ]);
});
