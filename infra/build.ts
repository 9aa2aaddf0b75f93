import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { bundle } from './bundle/bundle.ts';
import { bundleProcess } from './bundle/processes.ts';
import { targets } from './bundle/targets.ts';

/** `npm run build`: what `serverless.yml` packages. No network, no credentials. */
for (const target of targets) {
  const { name, bytes } = await bundle(target);
  console.log(`dist/functions/${name.padEnd(10)} ${(bytes / 1000).toFixed(0).padStart(4)} kB`);
  if (bytes > target.limit) {
    console.error(
      `${name} is larger than its limit of ${Math.round(target.limit / 1000)} kB. Find what grew: esbuild --analyze.`,
    );
    process.exitCode = 1;
  }
}

await bundleProcess('cli/main.ts');
console.log('dist/cli/main.js: relay, api, worker, migrate, topics and doctor, for the image');

// What serverless.yml asks at packaging and at a deploy, for whichever Node the framework runs on.
const root = resolve(import.meta.dirname, '..');
await build({
  absWorkingDir: root,
  entryPoints: {
    index: join(root, 'infra/service/service.ts'),
    'deploy-check': join(root, 'infra/service/deploy-check.ts'),
  },
  outdir: 'dist/service',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
