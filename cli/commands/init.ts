import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { MillraceError } from '../../engine/errors.ts';
import { show } from '../remote/output.ts';
import { serviceFiles } from '../scaffold/service.ts';

export function initCommand(): Command {
  return new Command('init')
    .description(
      'make a new service: a job, a workflow, a worker, a test, and a serverless.yml that packages',
    )
    .argument('<directory>', 'where; its last part names the service')
    .option('--json', 'machine-readable output')
    .addHelpText('after', '\nExamples:\n  millrace init shop && cd shop && npm install && npm test')
    .action(init);
}

async function init(directory: string, options: { readonly json?: boolean }): Promise<void> {
  const path = resolve(directory);
  const name = basename(path);
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    throw new MillraceError(
      'invalid_request',
      `"${name}" cannot name a service: it names a stack. Use lower-case letters, digits and "-", beginning with a letter.`,
    );
  }
  await mkdir(path, { recursive: true });
  if ((await readdir(path)).some((entry) => entry !== '.git')) {
    throw new MillraceError(
      'invalid_request',
      `${path} is not empty. Name another directory; nothing was written.`,
    );
  }
  const files = serviceFiles(name, { sdk: await ownVersion() });
  for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text, { flag: 'wx' });
  const made = Object.keys(files);
  show(options, JSON.stringify({ directory: path, files: made }), () =>
    [
      `${path}`,
      ...made.map((file) => `  ${file}`),
      '',
      `next: cd ${directory} && npm install && npm test`,
    ].join('\n'),
  );
}

async function ownVersion(): Promise<string> {
  const text = await readFile(resolve(import.meta.dirname, '../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
