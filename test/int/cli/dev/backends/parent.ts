/** A parent to be killed: starts the server named by its arguments, says its pids, and waits for its end. */
import { startKafka } from '../../../../../cli/dev/backends/kafka.ts';
import { startPostgres } from '../../../../../cli/dev/backends/postgres.ts';

const [kind, dir = ''] = process.argv.slice(2);
const pids =
  kind === 'postgres' ? [(await startPostgres({ dataDir: dir })).pid] : (await startKafka({ dir })).pids;
console.log(`started ${pids.join(' ')}`);
setInterval(() => undefined, 60_000);
