import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Needs Java and a package from elsewhere, and takes minutes: `npm run test:clients`. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    name: 'clients',
    include: ['test/clients/**/*.{clients,e2e}.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
