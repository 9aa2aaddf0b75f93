import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderInfra } from '../../cli/infra/render.ts';
import { readTemplate } from '../../infra/service/template.ts';
import { brokers, pipelineFile, targets } from '../helpers/pipeline-files.ts';
import { strimziFaults } from './setup/manifests.ts';
import { faults as policyFaults } from './setup/policy.ts';
import { cfnLint, kubernetesValidate } from './setup/tools.ts';

const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-rendered-'));
});
afterAll(() => rm(directory, { recursive: true }));

type Provider = keyof typeof brokers;
type Target = (typeof targets)[number][1];

/** The least that a file can say, and all that it can. */
const LEAST: Readonly<Record<Provider, string>> = {
  nats: 'provider: nats\n      replicas: 1',
  kafka: 'provider: kafka\n      dsn: x\n      kafka: { bootstrap_servers: x, security_protocol: SASL_SSL }',
  kinesis: 'provider: kinesis\n      dsn: x\n      kinesis: { region: eu-west-1 }',
};

interface Change {
  readonly what: string;
  readonly by: string;
}

/** Of each of these targets the least and the most that a file can say, and one that is wrong. @returns their paths */
async function write(wanted: readonly Target[], { what, by }: Change): Promise<string[]> {
  const texts = wanted.flatMap((target) => {
    const provider = targets.find(([, name]) => name === target)?.[0] ?? 'nats';
    return [LEAST[provider], brokers[provider](target)].map(
      (config) => renderInfra(pipelineFile(config), { target }).text,
    );
  });
  const wrong = (texts.at(-1) ?? '').replace(what, by);
  expect(texts).not.toContain(wrong);
  return Promise.all(
    [...texts, wrong].map(async (text, index) => {
      const path = join(directory, `${wanted[0]}-${index}.yml`);
      await writeFile(path, text);
      return path;
    }),
  );
}

test('what is rendered for Kubernetes is as its schemas want it', async () => {
  const change = { what: 'serviceName:', by: 'serviceNam:' };
  const paths = await write(['kubernetes.statefulset', 'aws.eks'], change);
  const { stdout, stderr } = await output(kubernetesValidate, ['--strict', ...paths]);
  const faults = `${stdout}${stderr}`.split('\n').filter((line) => /ERROR/.test(line));
  expect(faults.length).toBeGreaterThan(0);
  for (const fault of faults) expect(fault).toContain(paths.at(-1));
}, 180_000);

test('what is rendered for Strimzi is as the operator that reads it wants it', async () => {
  const paths = await write(['kubernetes.strimzi'], { what: 'topicName:', by: 'topicNam:' });
  expect(await strimziFaults(...paths)).toEqual([expect.stringMatching(/^KafkaTopic\/.*topicNam/)]);
}, 180_000);

test('what is rendered for AWS has no fault that cfn-lint knows, and is neither public nor unencrypted', async () => {
  const change = { what: 'ShardCount:', by: 'Shards:' };
  const paths = await write(['aws.msk', 'aws.ecs', 'aws.kinesis'], change);
  const { stdout } = await output(cfnLint, [
    '--format',
    'parseable',
    '--regions',
    'eu-west-1',
    '--template',
    ...paths,
  ]);
  const faults = stdout.split('\n').filter((line) => line !== '');
  expect(faults.length).toBeGreaterThan(0);
  for (const fault of faults) expect(fault).toMatch(new RegExp(`^${paths.at(-1)}:.*Shard`));
  for (const path of paths) {
    const resources: unknown = readTemplate(path).Resources;
    expect(policyFaults(resources as Resources)).toEqual([]);
  }
}, 180_000);

type Resources = Parameters<typeof policyFaults>[0];

/** Whatever it ends with: what it finds is in its words. */
function output(command: string, words: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return run(command, [...words]).catch((error: unknown) => {
    if (error instanceof Error && 'stdout' in error && 'stderr' in error)
      return { stdout: String(error.stdout), stderr: String(error.stderr) };
    throw error;
  });
}
