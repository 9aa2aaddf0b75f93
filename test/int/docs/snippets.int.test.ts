import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { readDocument } from '../../../cli/pipelines/document.ts';
import { pipelineFileSchema } from '../../../cli/pipelines/schema.ts';
import type { StepId } from '../../../events/ids.ts';
import { ROOT, type Snippet, snippetsToRun } from '../../helpers/snippets.ts';
import { startApi } from '../functions/http/api.ts';

const run = promisify(execFile);
const api = startApi('polling');
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-snippets-'));
  const types = ['reindex', 'sync', 'send-report', 'credit-check', 'compute'] as StepId[];
  await createPostgresRecordStore(api.database.pool()).registerTypes(types);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What a reader has: the commands by their names, and a failure that stops. An answer of 400 is a failure of curl here. */
const SHELL = `
set -eo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
millrace() { "${process.execPath}" "${join(ROOT, 'cli/main.ts')}" "$@"; }
npx() { "$@"; }
`;

describe.each([
  { language: 'sh', runs: runShell },
  { language: 'sql', runs: runSql },
  { language: 'json', runs: send },
  { language: 'yaml', runs: checkPipelines },
])('the $language of the pages', ({ language, runs }) => {
  const snippets = snippetsToRun(language);
  test.each(snippets.map((snippet) => [`${snippet.page}:${snippet.line}`, snippet] as const))(
    'runs as it stands at %s',
    (_, snippet) => runs(snippet),
  );
});

async function runShell({ text, marks }: Snippet): Promise<void> {
  const script = `${SHELL}${marks.given ?? ''}\n${text}`.replaceAll('localhost:8080', new URL(api.url).host);
  const env = { ...process.env, WE_API_URL: api.url };
  await run('bash', ['-c', script], { cwd: directory, env });
}

/** As the superuser, who may create roles; they are gone afterwards, unless it commits. */
async function runSql({ text, marks }: Snippet): Promise<void> {
  const client = new pg.Client(api.database.adminDsn);
  await client.connect();
  try {
    await client.query(`begin;\n${marks.given ?? ''}\n${text}`);
  } finally {
    await client.end();
  }
}

async function send({ text, marks }: Snippet): Promise<void> {
  const path = marks['sent to']?.replace('POST ', '') ?? '';
  const { status, text: answer } = await api.post(path, text);
  expect(status, answer).toBe(201);
}

async function checkPipelines({ text, page }: Snippet): Promise<void> {
  const env = { NATS_SERVER: 'nats://127.0.0.1:4222' };
  readDocument(text, { file: page, env, schema: pipelineFileSchema });
}
