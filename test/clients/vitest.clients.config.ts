import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Needs Go, Java, Python and packages from elsewhere, and takes twenty minutes: `npm run test:clients` ([README.md](README.md)). */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    name: 'clients',
    // Each test as it ends, all of them as a table, and the counts.
    reporters: ['verbose', './test/clients/table-reporter.ts', './test/helpers/plain-summary-reporter.ts'],
    include: ['test/clients/**/*.{clients,e2e}.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
