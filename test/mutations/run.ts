import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { promisify } from 'node:util';
import { mutate } from './apply.ts';
import { type Mutation, mutations } from './mutations.ts';
import { type MutationResult, mutationsPage } from './page.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = join(ROOT, 'docs', 'reliability', 'mutations.md');
const PATIENCE_MS = 300_000;

/** `npm run mutations [M1 M2 …]`: brings each known bug into a copy of the sources, and expects its tests to fail. */
const wanted = argv.slice(2);
const chosen = mutations.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
const copy = await copySources();
const results: MutationResult[] = [];
try {
  for (const mutation of chosen) {
    const result = await tryOut(copy, mutation);
    results.push(result);
    console.info(`${mutation.id} ${result.outcome} in ${result.seconds} s: ${mutation.bug}`);
    if (result.outcome !== 'caught') console.info(result.output);
  }
} finally {
  await rm(copy, { recursive: true, force: true });
}
if (wanted.length === 0) await writeFile(PAGE, mutationsPage(results));
if (results.some(({ outcome }) => outcome !== 'caught')) process.exitCode = 1;

async function copySources(): Promise<string> {
  const target = await mkdtemp(join(tmpdir(), 'millrace-mutations-'));
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  });
  for (const file of stdout.split('\0').filter((name) => name !== '')) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await cp(join(ROOT, file), join(target, file));
  }
  await symlink(join(ROOT, 'node_modules'), join(target, 'node_modules'));
  await mkdir(join(target, '.millrace'));
  await symlink(join(ROOT, '.millrace', 'kafka-4.1.0'), join(target, '.millrace', 'kafka-4.1.0'));
  return target;
}

/** A test that ends for another reason than a failed test has proven nothing. */
async function tryOut(root: string, mutation: Mutation): Promise<MutationResult> {
  const { path, original, mutated } = await mutate(root, mutation);
  await writeFile(path, mutated);
  const startedAt = performance.now();
  const output = await runTests(root, mutation);
  await writeFile(path, original);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const [, passed = '0', failed = '0'] = /(\d+) passed, (\d+) failed/.exec(output) ?? [];
  const outcome = Number(failed) > 0 ? 'caught' : Number(passed) > 0 ? 'SURVIVED' : 'NOT RUN';
  return { mutation, outcome, seconds, test: firstFailure(output), output };
}

async function runTests(root: string, { caughtBy }: Mutation): Promise<string> {
  const { project, file, tests } = caughtBy;
  const args = ['vitest', 'run', '--project', project, file, ...(tests === undefined ? [] : ['-t', tests])];
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
  return run('npx', args, { cwd: root, timeout: PATIENCE_MS, maxBuffer: 2 ** 26, env }).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: unknown) => outputOf(error),
  );
}

function outputOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { stdout, stderr } = { stdout: '', stderr: '', ...error };
  return `${stdout}${stderr}`;
}

function firstFailure(output: string): string {
  const line = /FAIL\s+(.*)/.exec(output)?.[1] ?? '';
  return line.split(' > ').at(-1)?.trim() ?? '';
}
