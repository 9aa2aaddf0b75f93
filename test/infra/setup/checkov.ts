import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { checkov, ROOT } from './tools.ts';

const run = promisify(execFile);
const ANSWER_BYTES = 64 * 1024 * 1024;

export interface Judged {
  /** What breaks a rule that nothing excepts it from. */
  readonly failed: readonly string[];
  /** Rules by name whose exception nothing needs any more. */
  readonly needless: readonly string[];
  readonly passed: number;
}

interface Exception {
  readonly rule: string;
  readonly on: string;
  readonly why: string;
}

interface Report {
  readonly results: { readonly failed_checks: readonly Failure[] };
  readonly summary: { readonly passed: number; readonly parsing_errors: number };
}

interface Failure {
  readonly check_id: string;
  readonly check_name: string;
  readonly resource: string;
  readonly file_path: string;
}

/** Holds templates, and all else that is deployed, against the policies of checkov. One run: its start takes the most of it. */
export async function judge(
  templates: readonly string[],
  rendered: readonly { readonly name: string; readonly text: string }[] = [],
): Promise<Judged> {
  const exceptions = load(await readFile(join(ROOT, 'infra/checkov.yml'), 'utf8')) as readonly Exception[];
  const reports = await reportsOf(templates, rendered);
  const failures = reports.flatMap(({ results }) => results.failed_checks);
  const used = new Set<Exception>();
  const failed = failures.filter((failure) => {
    const excepted = exceptions.find((one) => excepts(one, failure));
    if (excepted) used.add(excepted);
    return !excepted;
  });
  return {
    failed: failed.map(({ check_id, check_name, resource, file_path }) =>
      [check_id, check_name, resource, file_path].join(' | '),
    ),
    needless: exceptions.filter((one) => !used.has(one)).map(({ rule }) => rule),
    passed: reports.reduce((sum, { summary }) => sum + summary.passed, 0),
  };
}

function excepts({ rule, on, why }: Exception, { check_id, resource, file_path }: Failure): boolean {
  if (rule !== check_id || why.trim() === '') return false;
  const about = new RegExp(on);
  return about.test(resource) || about.test(file_path);
}

async function reportsOf(
  templates: readonly string[],
  rendered: readonly { readonly name: string; readonly text: string }[],
): Promise<Report[]> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-checkov-'));
  try {
    for (const name of ['cloudformation', 'kubernetes', 'compose']) {
      await cp(join(ROOT, 'infra', name), join(directory, name), { recursive: true });
    }
    await cp(join(ROOT, 'Dockerfile'), join(directory, 'Dockerfile'));
    await writeTemplates(templates, directory);
    for (const { name, text } of rendered) await writeFile(join(directory, name), text);
    const frameworks = ['cloudformation', 'kubernetes', 'dockerfile', 'secrets'];
    const quietly = ['--quiet', '--compact', '--soft-fail', '--skip-download', '--output', 'json'];
    const { stdout } = await run(checkov, [...quietly, '--directory', '.', '--framework', ...frameworks], {
      cwd: directory,
      maxBuffer: ANSWER_BYTES,
    });
    const reports = [JSON.parse(stdout)].flat() as Report[];
    const unread = reports.filter(({ summary }) => summary.parsing_errors > 0);
    if (unread.length > 0) throw new Error(`checkov could not read all of ${directory}.`);
    return reports;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A resource that several variants have alike is judged in the first: rules look at one resource by itself. */
async function writeTemplates(paths: readonly string[], directory: string): Promise<void> {
  const judged = new Set<string>();
  for (const [index, path] of paths.entries()) {
    const { Resources, ...rest } = JSON.parse(await readFile(path, 'utf8')) as Record<'Resources', object>;
    const fresh = Object.entries(Resources).filter((entry) => !judged.has(JSON.stringify(entry)));
    for (const entry of fresh) judged.add(JSON.stringify(entry));
    const template = { ...rest, Resources: Object.fromEntries(fresh) };
    await writeFile(join(directory, `packaged-${index}.json`), JSON.stringify(template, undefined, 1));
  }
}
