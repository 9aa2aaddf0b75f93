import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildSdk } from '../../infra/packages/sdk.ts';
import { millrace } from './millrace.ts';

const MODULES = resolve(import.meta.dirname, '../../node_modules');
const run = promisify(execFile);
let work: string;
let service: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'millrace-init-'));
  service = join(work, 'shop');
  const made = millrace(['init', 'shop', '--json'], { cwd: work });
  expect(await made.ended).toBe(0);
  expect(JSON.parse(made.output())).toMatchObject({
    files: expect.arrayContaining(['serverless.yml', 'worker.ts']),
  });
  // What npm install would bring.
  await mkdir(join(service, 'node_modules/@millrace'), { recursive: true });
  await symlink(await buildSdk(join(work, 'sdk')), join(service, 'node_modules/@millrace/sdk'));
  await symlink(join(MODULES, '@bufbuild'), join(work, 'node_modules/@bufbuild')).catch(async () => {
    await mkdir(join(work, 'node_modules'), { recursive: true });
    await symlink(join(MODULES, '@bufbuild'), join(work, 'node_modules/@bufbuild'));
  });
  env = {
    ...process.env,
    PATH: `${join(MODULES, '.bin')}:${process.env['PATH']}`,
    SLS_TELEMETRY_DISABLED: '1',
  };
});
afterAll(() => rm(work, { recursive: true, force: true }));

test('a new service passes its own test', async () => {
  const { stdout } = await run('npm', ['test'], { cwd: service, env });
  expect(stdout).toMatch(/pass 1\b/);
});

test('a new service packages, with no network and no credentials', async () => {
  await run('npm', ['run', 'package'], { cwd: service, env });
  const [zip = ''] = (await readdir(join(service, '.serverless'))).filter((name) => name.endsWith('.zip'));
  const { stdout } = await run('python3', ['-m', 'zipfile', '-l', join(service, '.serverless', zip)]);
  expect(stdout.split('\n').slice(1).filter(Boolean)).toEqual([expect.stringMatching(/^dist\/worker\.mjs /)]);
  const stack = JSON.parse(
    await readFile(join(service, '.serverless/cloudformation-template-update-stack.json'), 'utf8'),
  ) as { Resources: Record<string, { Properties: unknown }> };
  expect(stack.Resources['GreetSource']?.Properties).toMatchObject({
    Topics: ['workflow.jobs.greet'],
    FunctionResponseTypes: ['ReportBatchItemFailures'],
  });
  expect(stack.Resources['WorkerLambdaFunction']?.Properties).toMatchObject({
    Handler: 'dist/worker.handler',
  });
});

test('what is packaged is a handler that answers a batch', async () => {
  const script = `const { handler } = await import(${JSON.stringify(join(service, 'dist/worker.mjs'))});
    console.log(JSON.stringify(await handler({ eventSource: 'aws:kafka', records: {} }, { getRemainingTimeInMillis: () => 60_000 })));`;
  const { stdout } = await run('node', ['--input-type=module', '-e', script], {
    env: { ...env, WE_API_URL: 'http://127.0.0.1:1', WE_API_KEY: 'mrk_test' },
  });
  expect(JSON.parse(stdout)).toEqual({ batchItemFailures: [] });
});

test('a directory that is not empty is left as it is', async () => {
  const again = millrace(['init', 'shop'], { cwd: work });
  expect(await again.ended).toBe(2);
  expect(again.output()).toContain('is not empty');
});
