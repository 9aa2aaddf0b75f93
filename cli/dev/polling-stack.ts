import { join } from 'node:path';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { startPostgres } from './backends/postgres.ts';
import type { Releasers } from './releasers.ts';
import { bootStack, createProcessStarter, type Stack, type StackOptions } from './stack-parts.ts';

/** Boots PostgreSQL, migrates, and starts the API, which does the leader's duties too, and a worker that polls it. */
export function startPollingStack(options: StackOptions): Promise<Stack> {
  return bootStack(options, boot);
}

async function boot(options: StackOptions, releasers: Releasers): Promise<Stack> {
  const { directory, onProgress, signal } = options;
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres'), onProgress, signal });
  releasers.add(() => postgres.stop());
  onProgress(`postgresql     ${postgres.version}, ${postgres.dsn}`);
  const { applied } = await migrate({ dsn: postgres.dsn });
  onProgress(`migrations     ${applied.length} applied`);
  signal.throwIfAborted();

  const env = { WE_POSTGRES_DSN: postgres.dsn, WE_DISPATCH_MODE: 'polling' };
  const processes = createProcessStarter(options, { releasers, env });
  const api = await processes.start('api', ['api'], { WE_HTTP_PORT: String(options.httpPort) });
  const apiUrl = api.addresses['apiUrl'] ?? '';
  onProgress(`api            ${apiUrl}, does the leader's duties`);
  await processes.start('worker', ['worker', '--source', 'polling'], { WE_API_URL: apiUrl });
  onProgress('worker         polls the API, woken by what is queued');
  const { children } = processes;
  const stop = () => releasers.releaseAll();
  return { postgres, kafka: undefined, apiUrl, metricsUrl: `${apiUrl}/metrics`, children, stop };
}
