import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bundle, bundle } from '../../infra/bundle/bundle.ts';
import { targets } from '../../infra/bundle/targets.ts';

const bundles = new Map<string, Bundle>();
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-bundles-'));
  for (const target of targets) bundles.set(target.name, await bundle(target, directory));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Packages in a bundle, and those it imports from outside. */
function packagesOf(name: string): Set<string> {
  const { inputs, outputs } = bundles.get(name)?.metafile ?? { inputs: {}, outputs: {} };
  const inside = Object.keys(inputs).map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  const outside = Object.values(outputs).flatMap(({ imports }) => imports.filter(({ external }) => external));
  return new Set([...inside, ...outside.map(({ path }) => path)].filter((found) => found !== undefined));
}

describe.each(targets)('the bundle of $name', ({ name, limit }) => {
  test('reads no more than its limit at a cold start', () => {
    expect(bundles.get(name)?.bytes).toBeGreaterThan(1_000);
    expect(bundles.get(name)?.bytes).toBeLessThanOrEqual(limit);
  });

  test('holds no Kafka client', () => {
    const clients = /kafkajs|platformatic|node-rdkafka|confluentinc|client-kafka|msk-iam/;
    expect([...packagesOf(name)].filter((found) => clients.test(found))).toEqual([]);
  });
});

test('a worker holds no database driver: what it does to jobs goes through the API', () => {
  expect([...packagesOf('worker')].filter((found) => /^(pg|mysql2|knex)/.test(found))).toEqual([]);
});

test('the migrations are beside the function that applies them', async () => {
  const files = await readdir(join(directory, 'migrate/migrations'));
  expect(files).toContain('0009_dispatch_outbox.sql');
  expect(files.every((file) => file.endsWith('.sql'))).toBe(true);
});
