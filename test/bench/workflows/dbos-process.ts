import { DBOS } from '@dbos-inc/dbos-sdk';

/** A process of DBOS that starts workflows of three no-op steps and runs them itself, as its own guide does. Told all by its arguments. */
const { dsn, concurrency, workflows, seconds } = JSON.parse(process.argv[2] ?? '{}');

DBOS.setConfig({ name: 'bench', systemDatabaseUrl: dsn, systemDatabasePoolSize: 20, logLevel: 'error' });

const payload = { text: 'x'.repeat(50) };
const step = async () => payload;

const pipeline = DBOS.registerWorkflow(
  async () => {
    for (const name of ['extract', 'process', 'notify']) await DBOS.runStep(step, { name });
  },
  { name: 'pipeline' },
);

await DBOS.launch();
const began = performance.now();
const passed = () => (performance.now() - began) / 1000;
let begun = 0;
await Promise.all(
  Array.from({ length: concurrency }, async () => {
    while (begun < workflows && passed() < seconds) {
      begun += 1;
      await pipeline();
    }
  }),
);
process.send?.({ workflows: begun, seconds: passed() });
