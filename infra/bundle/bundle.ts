import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { withoutUnused, withUiAssets } from './plugins.ts';
import type { Target } from './targets.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface Bundle {
  readonly name: string;
  /** Of the JavaScript that a cold start reads: the entry and what it imports at once. */
  readonly bytes: number;
  /** What is in it, by path: also what is imported and left outside. */
  readonly metafile: Metafile;
}

/**
 * One ES module a function, with what it needs and nothing else. The AWS SDK stays outside: Lambda's runtime has it, and no
 * request needs it.
 */
export async function bundle(target: Target, outDirectory = join(ROOT, 'dist/functions')): Promise<Bundle> {
  const directory = join(outDirectory, target.name);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { index: target.entry },
    outdir: directory,
    bundle: true,
    plugins: [withoutUnused, withUiAssets],
    // What is imported only when it is needed becomes a file of its own, which a cold start does not read.
    splitting: true,
    chunkNames: 'chunk-[hash]',
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    external: ['@aws-sdk/*', 'pg-native'],
    // pg and prom-client are CommonJS and require what Node has. A short name is one that the minifier takes too.
    banner: {
      js: "import{createRequire as millraceRequire}from'node:module';const require=millraceRequire(import.meta.url);",
    },
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  await writeFile(join(directory, 'package.json'), '{"type":"module"}\n');
  for (const asset of target.assets ?? []) {
    await cp(join(ROOT, asset), join(directory, asset), {
      recursive: true,
      filter: (path) => !path.endsWith('.md'),
    });
  }
  return { name: target.name, bytes: bytesAtStart(metafile), metafile };
}

function bytesAtStart({ outputs }: Metafile): number {
  const seen = new Set<string>();
  const visit = (path: string): number => {
    const output = outputs[path];
    if (!output || seen.has(path)) return 0;
    seen.add(path);
    const imported = output.imports.filter(({ kind, external }) => kind === 'import-statement' && !external);
    return imported.reduce((sum, { path: next }) => sum + visit(next), output.bytes);
  };
  return visit(Object.keys(outputs).find((path) => path.endsWith('/index.js')) ?? '');
}
