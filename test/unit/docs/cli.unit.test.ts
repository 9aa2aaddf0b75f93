import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { completionScript, pathOf } from '../../../cli/commands/completion.ts';
import { createProgram, treeOf } from '../../../cli/program.ts';
import { cliReference } from '../../../cli/reference.ts';

// It loads every verb, brokers and all.
test('docs/cli.md says what the command line takes', { timeout: 60_000 }, async () => {
  await expect(cliReference(await createProgram())).toMatchFileSnapshot(resolve('docs/cli.md'));
});

test('only the verb that is asked for is loaded, also by its other name', async () => {
  const names = async (asked: string) =>
    (await createProgram(asked)).commands.map((command) => command.name());
  expect(await names('dlq')).toEqual(['dlq']);
  expect(await names('dev')).toEqual(['start']);
  expect(await names('toString')).toContain('jobs');
});

/** Those that run until they are stopped, or whose output is a script. */
const WITHOUT_JSON = [
  'api',
  'completion',
  'demo',
  'eventbus run',
  'records publish',
  'records run',
  'relay',
  'start',
  'worker',
];

test('every verb that ends with an answer can give it as JSON', { timeout: 60_000 }, async () => {
  const leaves = treeOf(await createProgram()).filter(({ commands }) => commands.length === 0);
  const without = leaves.filter(({ options }) => !options.some(({ long }) => long === '--json'));
  expect(without.map(pathOf).sort()).toEqual(WITHOUT_JSON);
});

/** What bash would offer after these words. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const script = completionScript('bash', await createProgram());
  const line = ['millrace', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', `${script}\n${ask}`])
    .toString()
    .trim()
    .split('\n');
}

test('bash completes verbs, what they have below them, and options', async () => {
  expect(await offered('sche')).toEqual(['schedules']);
  expect(await offered('jobs', '')).toEqual(['enqueue', 'list', 'get', 'cancel', 'retry', 'watch', '--help']);
  expect(await offered('dlq', 'redrive', 'some-id', '--dry')).toEqual(['--dry-run']);
});
