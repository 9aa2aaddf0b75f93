import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { renderInfra } from '../../cli/infra/render.ts';
import { brokers, pipelineFile, targets } from '../helpers/pipeline-files.ts';
import { judge } from './setup/checkov.ts';
import { CANARY, type Packaged, packageVariant, variants } from './setup/package.ts';
import { faults } from './setup/policy.ts';
import { cfnLint, ROOT } from './setup/tools.ts';

const run = promisify(execFile);

/** What cfn-lint finds, warnings too; empty when it finds nothing. */
async function lint(paths: readonly string[]): Promise<string> {
  try {
    return (await run(cfnLint, ['--regions', 'eu-west-1', '--template', ...paths])).stdout.trim();
  } catch (error) {
    if (error instanceof Error && 'stdout' in error) return String(error.stdout);
    throw error;
  }
}

test('each template of infra/cloudformation can be deployed alone', async () => {
  const paths = globSync('infra/cloudformation/*.yml', { cwd: ROOT }).map((path) => join(ROOT, path));
  expect(paths.length).toBeGreaterThan(8);
  expect(await lint(paths)).toBe('');
});

const templates: string[] = [];

describe.each(variants)('packaged $name', (variant) => {
  let packaged: Packaged;
  beforeAll(async () => {
    packaged = await packageVariant(variant);
    templates.push(packaged.templatePath);
  });

  test('the template has no fault that cfn-lint knows', async () => {
    expect(await lint([packaged.templatePath])).toBe('');
  });

  test('nothing is public, all is encrypted, and no role may do all to all', () => {
    expect(faults(packaged.resources)).toEqual([]);
  });

  test('no password is in it, and nothing of the environment in which it was packaged', async () => {
    const secret = /^postgres:\/\/[^@/]*:[^@/]*@|^WE_KAFKA_SASL_PASSWORD$|^MasterUserPassword$/;
    expect(stringsOf(packaged.resources).filter((text) => secret.test(text))).toEqual([]);
    const files = (await readdir(packaged.directory)).filter((name) => name.endsWith('.json'));
    expect(files).toContain('serverless-state.json');
    const texts = await Promise.all(files.map((name) => readFile(join(packaged.directory, name), 'utf8')));
    expect(texts.filter((text) => text.includes(CANARY))).toEqual([]);
  });
});

test('all that is deployed, and all that is rendered, follows the policies of checkov, but those that infra/checkov.yml gives a reason against', async () => {
  expect(templates).toHaveLength(variants.length);
  // Of the name that the exceptions know.
  const rendered = targets.map(([provider, target]) =>
    renderInfra(pipelineFile(brokers[provider](target), 'millrace'), { target }),
  );
  const { failed, needless, passed } = await judge(templates, rendered);
  expect(failed).toEqual([]);
  expect(needless).toEqual([]);
  expect(passed).toBeGreaterThan(1_000);
}, 240_000);

/** Every text in it, names too. */
function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...stringsOf(inner)]);
}
