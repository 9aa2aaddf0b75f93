import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HOME = resolve(import.meta.dirname, '../../.millrace');
const VENV = join(HOME, 'schemathesis-venv');
const VERSION = '4.32.5';

/** The command of schemathesis, installed from PyPI into `.millrace` once. */
export async function schemathesis(): Promise<string> {
  const command = join(VENV, 'bin/schemathesis');
  if (existsSync(command)) return command;
  await mkdir(HOME, { recursive: true });
  await rm(VENV, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', VENV]);
  await run(join(VENV, 'bin/pip'), [
    '--disable-pip-version-check',
    '-q',
    'install',
    `schemathesis==${VERSION}`,
  ]);
  return command;
}

export interface Report {
  readonly code: number;
  readonly text: string;
}

/** Asks the API that the document describes for everything it says it can do, for at most so many seconds. */
export async function examine(url: string, seconds: number): Promise<Report> {
  const command = await schemathesis();
  const checks =
    'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
  const args = [
    ...['run', `${url}/openapi.json`, '--checks', checks, '--max-time', String(seconds), '--no-color'],
    ...[
      '--phases',
      'examples,coverage,fuzzing,stateful',
      '--seed',
      '1',
      '--no-shrink',
      '--continue-on-failure',
    ],
    ...[
      '--warnings',
      'off',
      '--generation-database',
      'none',
      '--max-examples',
      '20',
      '--request-timeout',
      '30',
    ],
    // What reads the database's catalogue or keeps a connection open says nothing of shapes.
    ...['--exclude-path', '/metrics'],
  ];
  try {
    const { stdout } = await run(command, args, { maxBuffer: 64 * 1024 * 1024, cwd: HOME });
    return { code: 0, text: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: `${stdout}\n${stderr}` };
  }
}
