import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { load, loadAll } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { composeFault, readCompose, strimziFaults } from './setup/manifests.ts';
import { kubernetesValidate, ROOT } from './setup/tools.ts';

const run = promisify(execFile);
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe('the image', () => {
  test('has every package and folder that its processes import', async () => {
    const commands = ['relay', 'worker', 'msk-local-source', 'api', 'migrate', 'topics'];
    const { metafile } = await build({
      absWorkingDir: ROOT,
      entryPoints: commands.map((name) => `cli/commands/${name}.ts`),
      outdir: 'unused',
      bundle: true,
      write: false,
      splitting: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      metafile: true,
    });
    const { dependencies } = JSON.parse(read('package.json'));
    const packages = Object.values(metafile.inputs)
      .flatMap(({ imports }) => imports)
      .filter(({ path, external }) => external && !path.startsWith('node:'))
      .map(({ path }) => /^(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? path);
    expect(packages).toContain('commander');
    expect([...new Set(packages)].filter((name) => !(name in dependencies))).toEqual([]);

    const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, names]) => names?.split(' ') ?? [],
    );
    const folders = new Set(Object.keys(metafile.inputs).map((path) => path.split('/', 1)[0] ?? ''));
    expect([...folders].filter((folder) => !copied.includes(folder))).toEqual([]);
    const kept = read('.dockerignore').split('\n');
    expect(copied.filter((name) => !kept.includes(`!${name}`))).toEqual([]);
  });

  test('is not run as root, and says which Node it runs on to the patch', () => {
    expect(read('Dockerfile')).toMatch(/^USER 1000$/m);
    expect(read('Dockerfile')).toMatch(/^ARG NODE=node:\d+\.\d+\.\d+-bookworm-slim/m);
  });
});

describe('the Kubernetes manifests', () => {
  test.each(['relay', 'nats'])('%s is as the schemas of Kubernetes want it', async (name) => {
    const path = join(ROOT, `infra/kubernetes/${name}.yml`);
    const { stdout, stderr } = await run(kubernetesValidate, ['--strict', path]);
    expect(stdout + stderr).not.toMatch(/ERROR/);
  });

  test('kafka is as the operator that reads it wants it: it knows all that is written, and nothing is missing', async () => {
    const path = join(ROOT, 'infra/kubernetes/kafka.yml');
    expect(await strimziFaults(path)).toEqual([]);

    const directory = await mkdtemp(join(tmpdir(), 'millrace-strimzi-'));
    const wrong = read('infra/kubernetes/kafka.yml')
      .replace('roles: [controller, broker]', '')
      .replace('patternType: prefix', 'patternTypo: prefix')
      .replace('Write, Describe', 'Wrote, Describe');
    await writeFile(join(directory, 'kafka.yml'), wrong);
    expect(await strimziFaults(join(directory, 'kafka.yml'))).toEqual([
      'KafkaNodePool/brokers.spec.roles: is required',
      expect.stringMatching(/^KafkaUser\/millrace-relay\..*"Wrote" is not known$/),
      expect.stringMatching(/^KafkaUser\/millrace-relay\..*patternTypo: is not known$/),
    ]);
    await rm(directory, { recursive: true });
  }, 180_000);

  test('run no container as root, with a root to write to, or with rights to gain', () => {
    const documents = ['relay', 'nats'].flatMap((name) => loadAll(read(`infra/kubernetes/${name}.yml`)));
    const pods = documents.flatMap((document) => podOf(document) ?? []);
    expect(pods).toHaveLength(2);
    for (const { securityContext, containers } of pods) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true });
      for (const container of containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });
});

interface Pod {
  readonly securityContext: unknown;
  readonly containers: readonly { readonly securityContext: unknown }[];
}

function podOf(document: unknown): Pod | undefined {
  return (document as { spec?: { template?: { spec?: Pod } } }).spec?.template?.spec;
}

test('the Compose file is as the specification of Compose wants it', async () => {
  const text = await readCompose();
  expect(await composeFault(text)).toBeUndefined();
  expect(await composeFault(text.replace('read_only: true', 'read_onl: true'))).toMatch(/read_onl/);
  expect(await composeFault(text.replace('service_healthy', 'service_wealthy'))).toMatch(/service_wealthy/);
});

test('the Compose file starts nothing before what it needs, and every image has a version', () => {
  const { services } = load(read('infra/compose/compose.yml')) as {
    services: Record<string, { image?: string; depends_on?: Record<string, unknown> }>;
  };
  for (const { image = '', depends_on = {} } of Object.values(services)) {
    expect(image).toMatch(/:(dev|v?\d+\.\d+)/);
    expect(Object.keys(depends_on).filter((name) => !(name in services))).toEqual([]);
  }
});
