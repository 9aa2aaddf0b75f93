import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildSdk } from '../../infra/packages/sdk.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { ROOT, snippetsOf } from '../helpers/snippets.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { millrace, type Run } from './millrace.ts';

failOnLeftoverProcesses();

const run = promisify(execFile);

let work: string;
let service: string;
let stack: Run | undefined;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'millrace-tutorial-'));
  service = join(work, 'shop');
  expect(await millrace(['init', 'shop'], { cwd: work }).ended).toBe(0);
  await mkdir(join(service, 'node_modules/@millrace'), { recursive: true });
  await mkdir(join(work, 'node_modules'), { recursive: true });
  await symlink(await buildSdk(join(work, 'sdk')), join(service, 'node_modules/@millrace/sdk'));
  await symlink(join(ROOT, 'node_modules/@bufbuild'), join(work, 'node_modules/@bufbuild'));
  // `npx millrace` of a user, without a registry.
  await mkdir(join(work, 'bin'));
  await writeFile(
    join(work, 'bin/npx'),
    `#!/bin/sh\nshift\nexec node ${join(ROOT, 'cli/millrace.mjs')} "$@"\n`,
  );
  await chmod(join(work, 'bin/npx'), 0o755);
  env = { ...process.env, PATH: `${join(work, 'bin')}:${process.env['PATH']}` };
});
afterAll(async () => {
  stack?.child.kill('SIGTERM');
  await stack?.ended;
  await rm(work, { recursive: true, force: true });
});

async function start(): Promise<string> {
  stack = millrace(['start'], {
    cwd: service,
    env: { WE_DISPATCH_MODE: 'polling', WE_HTTP_PORT: '0', WE_METRICS_PORT: '0' },
  });
  await waitFor(
    () => {
      if (stack?.child.exitCode !== null) throw new Error(stack?.output());
      return stack.output().includes('\nready\n');
    },
    { within: 90_000, what: 'the stack' },
  );
  const state = JSON.parse(await readFile(join(service, '.millrace/dev.json'), 'utf8')) as { apiUrl: string };
  return state.apiUrl;
}

test('a newcomer can do what the tutorial says, and sees what it says', async () => {
  const seen: string[] = [];
  for (const { language, text, marks } of snippetsOf('docs/tutorial.md')) {
    if (marks.file !== undefined) await writeFile(join(service, marks.file), text);
    else if (marks['not run'] !== undefined && text.includes('millrace start'))
      env = { ...env, WE_API_URL: await start() };
    else if (language === 'sh' && marks['not run'] === undefined) {
      const { stdout } = await run('bash', ['-eo', 'pipefail', '-c', text], { cwd: service, env });
      seen.push(stdout);
    }
  }
  const [tests = '', first = '', watched = '', workflows = '', dead = ''] = seen;
  expect(tests).toMatch(/pass 1\b/);
  expect(first).toContain('charge');
  expect(watched).toContain('completed');
  expect(workflows).toContain('order');
  expect(dead).toMatch(/redrive|match/);
}, 180_000);
