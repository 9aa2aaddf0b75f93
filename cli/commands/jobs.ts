import { Command } from 'commander';
import { readDuration } from '../../adapters/env.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { MillraceError } from '../../engine/errors.ts';
import { RemoteApi } from '../remote/api.ts';
import { type By, by, changingCommand, json, listCommand, remoteCommand, whole } from '../remote/options.ts';
import { colour, more, plain, type Shown, show, status, table } from '../remote/output.ts';
import { releaseParent, shutdownSignal } from '../shutdown.ts';

interface Job {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly attempt: number;
  readonly max_retries: number;
  readonly created_at: string;
  readonly completed_at: string | null;
  readonly last_error: string | null;
}

interface JobDetail extends Job {
  readonly payload: unknown;
  readonly result: unknown;
  readonly audit: readonly { readonly at: string; readonly actor: string; readonly action: string }[];
}

export function jobsCommand(): Command {
  return new Command('jobs')
    .description('enqueue jobs, look at them, cancel and retry them (WE_API_URL)')
    .addCommand(enqueueCommand())
    .addCommand(
      listCommand('list jobs, newest first')
        .option('--status <status>', 'pending, queued, running, retrying, completed, dead_letter, cancelled')
        .option('--type <type>', 'of this type')
        .option('--text <text>', 'with this in the id, a key, the last error or the payload')
        .option('--after <time>', 'created after this time: 2026-01-31T12:00:00Z')
        .option('--before <time>', 'created before this time')
        .action(list),
    )
    .addCommand(
      remoteCommand('get', 'show a job with its history').argument('<id>', 'of the job').action(get),
    )
    .addCommand(
      changingCommand('cancel', 'cancel a job').argument('<id>', 'of the job').action(change('cancel')),
    )
    .addCommand(
      changingCommand('retry', 'queue a dead letter or a cancelled job again')
        .argument('<id>', 'of the job')
        .action(change('retry')),
    )
    .addCommand(
      remoteCommand('watch', 'wait until a job has ended; exits 6 unless it completed')
        .argument('<id>', 'of the job')
        .option('--timeout <duration>', 'how long to wait: 500ms, 30s, 5m', '5m')
        .action(watch),
    );
}

interface Enqueue extends Shown {
  readonly idempotencyKey?: string;
  readonly partitionKey?: string;
  readonly runAt?: string;
  readonly maxRetries?: number;
  readonly priority?: string;
}

function enqueueCommand(): Command {
  return remoteCommand('enqueue', 'enqueue a job')
    .argument('<type>', 'names the handler')
    .argument('[payload]', 'JSON; - reads it from the standard input', json, '{}')
    .option('--idempotency-key <key>', 'sent again, the same key gives the same job')
    .option('--partition-key <key>', 'jobs of one key are dispatched in order')
    .option('--run-at <time>', 'not before this time')
    .option('--max-retries <number>', 'attempts after the first one', whole)
    .option('--priority <number>', 'higher goes first, in polling mode')
    .addHelpText(
      'after',
      `\nExamples:\n  millrace jobs enqueue send-email '{"to":"ada@example.org"}'\n  millrace jobs enqueue process - < order.json`,
    )
    .action(enqueue);
}

async function enqueue(type: string, payload: string, options: Enqueue): Promise<void> {
  const { idempotencyKey, partitionKey, runAt, maxRetries, priority } = options;
  const fields = {
    type,
    idempotency_key: idempotencyKey,
    partition_key: partitionKey,
    run_at: runAt,
    max_retries: maxRetries,
    priority: priority === undefined ? undefined : Number(priority),
  };
  // Spliced in as the text it is: parsed and printed again, large numbers would change.
  const body = `${JSON.stringify(fields).slice(0, -1)},"payload":${payload}}`;
  const { value: job, text } = await new RemoteApi().post<Job>('/api/v1/jobs', body);
  show(options, text, () => `${job.id}  ${status(job.status)}`);
}

interface List extends Shown {
  readonly limit: number;
  readonly cursor?: string;
  readonly status?: string;
  readonly type?: string;
  readonly text?: string;
  readonly after?: string;
  readonly before?: string;
}

async function list({ json: asJson, limit, after, before, ...filter }: List): Promise<void> {
  const query = { ...filter, limit: String(limit), created_after: after, created_before: before };
  const { value: page, text } = await new RemoteApi().get<{ jobs: Job[]; next_cursor: string | null }>(
    '/api/v1/jobs',
    query,
  );
  show({ json: asJson === true }, text, () => jobTable(page.jobs) + more(page.next_cursor));
}

export function jobTable(jobs: readonly Job[]): string {
  if (jobs.length === 0) return 'no job matches';
  const rows = jobs.map((job) => [
    job.id,
    job.type,
    job.status,
    `${job.attempt}/${job.max_retries + 1}`,
    job.created_at,
    job.last_error ?? '',
  ]);
  return table(['ID', 'TYPE', 'STATUS', 'ATTEMPT', 'CREATED', 'LAST ERROR'], rows);
}

async function get(id: string, options: Shown): Promise<void> {
  const { value: job, text } = await new RemoteApi().get<JobDetail>(`/api/v1/jobs/${encodeURIComponent(id)}`);
  show(options, text, () => {
    const lines = [
      `${job.id}  ${job.type}  ${status(job.status)}  attempt ${job.attempt} of ${job.max_retries + 1}`,
      `payload  ${plain(JSON.stringify(job.payload))}`,
      `result   ${plain(JSON.stringify(job.result))}`,
      ...(job.last_error === null ? [] : [colour('red', `error    ${plain(job.last_error)}`)]),
      ...job.audit.map(({ at, actor, action }) => `${at}  ${action}  ${plain(actor)}`),
    ];
    return lines.join('\n');
  });
}

function change(verb: 'cancel' | 'retry') {
  return async (id: string, options: Shown & By): Promise<void> => {
    const { value: job, text } = await new RemoteApi().post<Job>(
      `/api/v1/jobs/${encodeURIComponent(id)}/${verb}`,
      by(options),
    );
    show(options, text, () => `${job.id}  ${status(job.status)}`);
  };
}

const LOOK_MS = 500;
const ENDED = new Set(['completed', 'dead_letter', 'cancelled']);

async function watch(id: string, options: Shown & { readonly timeout: string }): Promise<void> {
  const api = new RemoteApi();
  const until = Date.now() + readDuration({ '--timeout': options.timeout }, '--timeout');
  const signal = shutdownSignal();
  try {
    let seen = '';
    for (;;) {
      const { value: job, text } = await api.get<Job>(`/api/v1/jobs/${encodeURIComponent(id)}`);
      const now = `${job.status} attempt ${job.attempt}`;
      if (now !== seen) console.error(`${new Date().toISOString()}  ${now}`);
      seen = now;
      if (ENDED.has(job.status)) {
        show(
          options,
          text,
          () => `${job.id}  ${status(job.status)}${job.last_error ? `  ${plain(job.last_error)}` : ''}`,
        );
        if (job.status !== 'completed') process.exitCode = 6;
        return;
      }
      if (Date.now() > until || signal.aborted) throw notEnded(id, options.timeout);
      await systemClock.sleep(LOOK_MS, signal);
    }
  } finally {
    releaseParent();
  }
}

function notEnded(id: string, timeout: string): MillraceError {
  return new MillraceError(
    'unavailable',
    `Job ${id} has not ended after ${timeout}. millrace jobs get ${id} shows where it stands; --timeout waits longer.`,
    { retryable: true },
  );
}
