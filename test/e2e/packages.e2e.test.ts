import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { build } from 'esbuild';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { buildSdk } from '../../infra/packages/sdk.ts';
import { timeoutStoreClauses } from '../../sdk/testing/conformance/timeout-store.suite.ts';
import { snippetsOf } from '../helpers/snippets.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
let work: string;
let consumer: string;
let tarball: Uint8Array;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'millrace-packages-'));
  const out = await buildSdk(join(work, 'sdk'));
  await run('npm', ['pack', '--pack-destination', work], { cwd: out });
  const [file = ''] = (await readdir(work)).filter((name) => name.endsWith('.tgz'));
  tarball = await readFile(join(work, file));
  consumer = join(work, 'consumer');
  const installed = join(consumer, 'node_modules/@millrace/sdk');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(work, file), '--strip-components=1', '-C', installed]);
  // What npm would install beside it, and nothing else.
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    dependencies?: object;
  };
  for (const name of [...Object.keys(manifest.dependencies ?? {}), '@types/node', 'undici-types']) {
    const from = join(ROOT, 'node_modules', name);
    await mkdir(resolve(consumer, 'node_modules', name, '..'), { recursive: true });
    await symlink(from, join(consumer, 'node_modules', name)).catch(() =>
      cp(from, join(consumer, 'node_modules', name), { recursive: true }),
    );
  }
});
afterAll(() => rm(work, { recursive: true, force: true }));

test('publint finds nothing in the package', async () => {
  const { messages } = await publint({ pkgDir: join(work, 'sdk'), pack: false, strict: true });
  expect(messages).toEqual([]);
});

test('its types resolve wherever it can be imported or required from', async () => {
  const result = await checkPackage(createPackageFromTarballData(tarball));
  // Resolution by the rules of Node 10 knows no exports, and no Node that is supported goes by them.
  const problems = 'problems' in result ? result.problems : [{ kind: 'no types' }];
  expect(
    problems.filter((problem) => !('resolutionKind' in problem && problem.resolutionKind === 'node10')),
  ).toEqual([]);
});

const USE = `
const handler = sdk.defineJob(async ({ job }: { job: { payload: { n: number } } }) => ({ n: job.payload.n + 1 }));
const config = sdk.defineConfig({ jobs: { add: handler } });
const client: sdk.Client<typeof config> = sdk.createClient<typeof config>({ url: 'http://127.0.0.1:1' });
export const wanted: Promise<{ n: number } | null> = client.enqueue('add', { n: 1 }, {}).then((job) => job.result, () => null);
async function main() {
  const service = new kit.TestService(config);
  const id = await service.enqueue('add', { n: 1 });
  await service.settle();
  const job = await service.job(id, 'add');
  console.log(JSON.stringify(job.result));
  process.exit(0);
}
void main();
`;

test.each([
  ['mts', "import * as sdk from '@millrace/sdk';\nimport * as kit from '@millrace/sdk/testing';\n"],
  ['cts', "import sdk = require('@millrace/sdk');\nimport kit = require('@millrace/sdk/testing');\n"],
])('a consumer in .%s compiles without skipping a check, and runs', async (extension, imports) => {
  await compile(`use.${extension}`, imports + USE);
  const { stdout } = await run('node', [`use.${extension.replace('ts', 'js')}`], { cwd: consumer });
  expect(stdout.trim()).toBe('{"n":2}');
});

describe("a third party's adapter, as the guide shows it", () => {
  const [guide] = snippetsOf('docs/guide/write-an-adapter.md');
  const verdict = async (name: string, text = '') => {
    await compile(`${name}.mts`, text);
    // A run of tests inside another would report to it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = ['--test', '--test-reporter', 'tap', `${name}.mjs`];
    return run('node', args, { cwd: consumer, env }).then(
      ({ stdout }) => ({ passes: true, stdout }),
      ({ stdout }: { stdout: string }) => ({ passes: false, stdout }),
    );
  };

  it('passes the suite of the package in one call', async () => {
    const { passes, stdout } = await verdict('sqlite', guide?.text);
    expect(passes, stdout).toBe(true);
    expect(Number(/# pass (\d+)/.exec(stdout)?.[1])).toBe(
      timeoutStoreClauses.flatMap(({ checks }) => Object.keys(checks)).length,
    );
  });

  it('fails it once a guard is left out', async () => {
    const guard = " and id = ? and state = 'pending'`";
    const { passes, stdout } = await verdict('unguarded', guide?.text.replaceAll(guard, ' and id = ?`'));
    expect(passes).toBe(false);
    expect(stdout).toMatch(/not ok \d+ - 4\. complete and cancel end a pending timeout once/);
  });
});

async function compile(name: string, text: string): Promise<void> {
  await writeFile(join(consumer, name), text);
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const flags = [
    '--ignoreConfig',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--lib',
    'es2023,dom',
    '--strict',
    '--types',
    'node',
  ];
  await run(tsc, [...flags, name], { cwd: consumer }).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
}

test.each([
  ['@millrace/sdk', 'node'],
  ['@millrace/sdk/client', 'browser'],
] as const)('the client from %s alone is under 10 KB for %s', async (from, platform) => {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { createClient } from '${from}'; globalThis.client = createClient;`,
      resolveDir: consumer,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    platform,
    write: false,
    logLevel: 'error',
  });
  expect(outputFiles[0]?.text.length).toBeLessThan(10_000);
});
