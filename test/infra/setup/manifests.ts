import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { ensureJars } from '../../../cli/dev/backends/maven-jars.ts';
import { python, ROOT } from './tools.ts';

const run = promisify(execFile);

const STRIMZI = '0.48.0';

/** What Strimzi's own classes, of which its resource definitions are made, find wrong with manifests. */
export async function strimziFaults(...paths: readonly string[]): Promise<string[]> {
  const jars = await ensureJars(
    {
      title: `the API of Strimzi ${STRIMZI} (18 MB)`,
      artifacts: [`io.strimzi:api:${STRIMZI}`],
      dir: join(ROOT, '.millrace', `strimzi-${STRIMZI}`),
    },
    () => undefined,
  );
  const reader = join(import.meta.dirname, 'strimzi/Read.java');
  const { stdout } = await run('java', ['-cp', join(jars, '*'), reader, ...paths]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** What a parser of the Compose specification finds wrong with a file; undefined for nothing. */
export async function composeFault(text: string): Promise<string | undefined> {
  // It takes merge keys for extensions, so they are resolved before.
  const asJson = JSON.stringify(load(text));
  const parse = 'import sys, compose_spec; compose_spec.PyCompose.from_json(sys.argv[1])';
  try {
    await run(python, ['-c', parse, asJson]);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error && 'stderr' in error)) throw error;
    return String(error.stderr).trim().split('\n').at(-1);
  }
}

export function readCompose(): Promise<string> {
  return readFile(join(ROOT, 'infra/compose/compose.yml'), 'utf8');
}
