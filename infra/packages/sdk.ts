import { execFile } from 'node:child_process';
import { cp, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');
/** The second one for types alone. */
const DEPENDENCIES = ['@bufbuild/protobuf', '@types/aws-lambda'] as const;
const ENTRIES = ['index', 'client', 'testing'] as const;

/**
 * `@millrace/sdk` as it is published: JavaScript and types for `import` and for `require`, each under a package.json that
 * says which of the two its files are.
 */
export async function buildSdk(out = join(ROOT, 'dist/sdk')): Promise<string> {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const entryPoints = Object.fromEntries(ENTRIES.map((name) => [name, `sdk/${name}.ts`]));
  const options: BuildOptions = {
    absWorkingDir: ROOT,
    entryPoints,
    bundle: true,
    platform: 'node',
    // Bundlers leave out what is not used of it only where it is a package of its own.
    external: ['@bufbuild/protobuf', '@bufbuild/protobuf/*'],
    target: 'node22',
    legalComments: 'none',
    logLevel: 'warning',
  };
  await build({ ...options, outdir: join(out, 'esm'), format: 'esm', splitting: true });
  await build({ ...options, outdir: join(out, 'cjs'), format: 'cjs' });
  await writeTypes(join(out, 'esm'));
  await cp(join(out, 'esm/types'), join(out, 'cjs/types'), { recursive: true });
  await writeFile(join(out, 'esm/package.json'), '{"type":"module"}\n');
  await writeFile(join(out, 'cjs/package.json'), '{"type":"commonjs"}\n');
  await writeFile(join(out, 'package.json'), `${JSON.stringify(await manifest(), null, 2)}\n`);
  for (const [from, to] of [
    ['sdk/README.md', 'README.md'],
    ['LICENSE', 'LICENSE'],
  ] as const) {
    await cp(join(ROOT, from), join(out, to));
  }
  return out;
}

async function writeTypes(out: string): Promise<void> {
  const types = join(out, 'types');
  const flags = [
    ...['--declaration', '--emitDeclarationOnly', '--rootDir', ROOT, '--outDir', types, '--ignoreConfig'],
    ...[
      '--target',
      'es2024',
      '--lib',
      'es2024,esnext,dom',
      '--module',
      'nodenext',
      '--skipLibCheck',
      '--types',
      'node',
    ],
    ...['--allowImportingTsExtensions', '--strict', '--exactOptionalPropertyTypes', '--verbatimModuleSyntax'],
  ];
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  await promisify(execFile)(tsc, [...flags, ...ENTRIES.map((name) => `sdk/${name}.ts`)], { cwd: ROOT });
  for await (const file of glob('**/*.d.ts', { cwd: types })) {
    const text = await readFile(join(types, file), 'utf8');
    // What stands beside a declaration is JavaScript to those who read it.
    await writeFile(
      join(types, file),
      text.replaceAll(/(from |import\()(['"])(\.[^'"]+)\.ts\2/g, '$1$2$3.js$2'),
    );
  }
}

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

async function manifest(): Promise<object> {
  const { version, license, ...root } = JSON.parse(
    await readFile(join(ROOT, 'package.json'), 'utf8'),
  ) as Manifest;
  const known = { ...root.dependencies, ...root.devDependencies };
  const conditions = (name: string) => ({
    import: { types: `./esm/types/sdk/${name}.d.ts`, default: `./esm/${name}.js` },
    require: { types: `./cjs/types/sdk/${name}.d.ts`, default: `./cjs/${name}.js` },
  });
  const exports = Object.fromEntries(
    ENTRIES.map((name) => [name === 'index' ? '.' : `./${name}`, conditions(name)]),
  );
  return {
    name: '@millrace/sdk',
    version,
    description: 'Define durable jobs and workflows, enqueue them, run them, and test them in memory.',
    license,
    keywords: ['jobs', 'queue', 'workflow', 'postgres', 'kafka', 'lambda', 'outbox'],
    type: 'module',
    sideEffects: false,
    // This repository starts under Node 20, and brings the Node it runs on; a package cannot.
    engines: { node: '>=22' },
    exports: { ...exports, './package.json': './package.json' },
    dependencies: Object.fromEntries(DEPENDENCIES.map((name) => [name, `^${known[name]}`])),
    main: './cjs/index.js',
    types: './cjs/types/sdk/index.d.ts',
    files: ['esm', 'cjs'],
    publishConfig: { access: 'public', provenance: true },
  };
}
