import { RemoteApi } from '../remote/api.ts';
import { remoteCommand, whole } from '../remote/options.ts';
import { type Shown, show } from '../remote/output.ts';

const BATCH = 1_000;

export function seedCommand() {
  return remoteCommand(
    'seed',
    'give a running stack something to show: jobs, failures and workflows of the sample handlers',
  )
    .option('--count <number>', 'how many jobs', whole, 50)
    .action(seed);
}

/** A mixture in fixed parts, so that what is seen can be told beforehand: a tenth fails for good. */
async function seed(options: Shown & { readonly count: number }): Promise<void> {
  const api = new RemoteApi();
  for (let first = 0; first < options.count; first += BATCH) {
    const length = Math.min(BATCH, options.count - first);
    await api.post('/api/v1/jobs/batch', { jobs: Array.from({ length }, (_, n) => sampleJob(first + n)) });
  }
  const workflows = Math.ceil(options.count / 10);
  for (let n = 0; n < workflows; n += 1) await api.post('/api/v1/workflows', sampleWorkflow(n));
  const made = { jobs: options.count, workflows };
  show(
    options,
    JSON.stringify(made),
    () => `${made.jobs} jobs and ${made.workflows} workflows are on their way`,
  );
}

function sampleJob(n: number) {
  if (n % 10 === 9) return { type: 'flaky', payload: { failure_rate: 1 }, max_retries: 0 };
  return {
    type: 'send-email',
    payload: { to: `customer-${n}@example.org` },
    partition_key: `customer-${n % 7}`,
  };
}

function sampleWorkflow(n: number) {
  const steps = ['extract', 'process', 'notify'].map((type) => ({ name: type, type }));
  return { name: 'order', foreign_id: `order-${n}`, steps };
}
