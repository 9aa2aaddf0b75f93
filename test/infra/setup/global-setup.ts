import { ready } from './tools.ts';

/** Installs what the tests check with, once: cfn-lint, and Lambda's own runtime. Into `.millrace`, which outlives a run. */
export default async function setup(): Promise<void> {
  await ready();
}
