import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT, ready } from './tools.ts';

/**
 * Makes what is packaged, and installs what the tests check it with, once: cfn-lint, and Lambda's own runtime. Those go into
 * `.millrace`, which outlives a run.
 */
export default async function setup(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'infra/build.ts')]);
  await ready();
}
