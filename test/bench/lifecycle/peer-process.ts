import { run } from 'graphile-worker';
import { PgBoss } from 'pg-boss';

/** One worker process of a peer; tells its parent when the first handler starts. Told all by its arguments. */
const { engine, dsn, tuned } = JSON.parse(process.argv[2] ?? '{}');
let isFirst = true;

function noop(): void {
  if (!isFirst) return;
  isFirst = false;
  process.send?.('first');
}

if (engine === 'graphile-worker') await startGraphile();
else await startPgBoss();

async function startGraphile(): Promise<void> {
  await run({
    preset: {
      worker: {
        connectionString: dsn,
        ...(tuned
          ? {
              concurrentJobs: 24,
              maxPoolSize: 10,
              localQueue: { size: 500 },
              completeJobBatchDelay: 0,
              failJobBatchDelay: 0,
            }
          : { concurrentJobs: 10 }),
      },
    },
    taskList: { noop: async () => noop() },
  });
}

async function startPgBoss(): Promise<void> {
  const boss = new PgBoss({ connectionString: dsn });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  const options = tuned ? { batchSize: 1000, pollingIntervalSeconds: 0.5 } : {};
  const workers = tuned ? 4 : 1;
  for (let index = 0; index < workers; index += 1) {
    await boss.work('noop', options, async () => noop());
  }
}
