import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { defineConfig, defineJob, defineWorkflow, type JobContext } from './sdk/index.ts';

/** Any sample job can be made to take time, so that leases, shutdown and back-pressure can be watched. */
interface Paced {
  readonly work_ms?: number;
}

/** What the earlier steps of a workflow returned, by step name. */
interface AfterSteps {
  readonly outputs?: Readonly<Record<string, unknown>>;
}

interface Email extends Paced {
  readonly to: string;
  readonly subject?: string;
  readonly body?: string;
}

const sendEmail = defineJob(async (context: JobContext<Email>) => {
  await work(context);
  const { to, subject = '' } = context.job.payload;
  context.logger.debug('the mail would go out here', { to });
  // The job's id as the message id: a provider that knows it already does not send the mail twice.
  return { message_id: `<${context.job.id}@millrace.local>`, to: to ?? null, subject };
});

const extract = defineJob(async (context: JobContext<Paced & { source?: string; rows?: number }>) => {
  await work(context);
  const { source = 'orders', rows = 3 } = context.job.payload;
  const records = Array.from({ length: Math.min(rows, 1000) }, (_, index) => ({
    id: index + 1,
    amount: (index + 1) * 10,
  }));
  return { source, records };
});

const process_ = defineJob(async (context: JobContext<Paced & AfterSteps>) => {
  await work(context);
  const records = recordsOf(context.job.payload.outputs);
  return { count: records.length, total: records.reduce((sum, amount) => sum + amount, 0) };
});

const notify = defineJob(async (context: JobContext<Paced & AfterSteps & { channel?: string }>) => {
  await work(context);
  const { channel = 'ops', outputs = {} } = context.job.payload;
  return { channel, text: `Finished: ${Object.keys(outputs).join(', ') || 'one job'}`, outputs };
});

const transform = defineJob(async (context: JobContext<Readonly<Record<string, unknown>> & Paced>) => {
  await work(context);
  const { work_ms: _, ...input } = context.job.payload;
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => [
      key,
      typeof value === 'string' ? value.toUpperCase() : value,
    ]),
  );
});

const compute = defineJob(async (context: JobContext<Paced & { iterations?: number }>) => {
  await work(context);
  const { iterations = 1000 } = context.job.payload;
  let digest = context.job.id;
  for (let round = 0; round < iterations; round += 1) {
    // In between, so that a long computation does not keep the worker from its heartbeats.
    if (round % 1000 === 999) await delay(0);
    digest = createHash('sha256').update(digest).digest('hex');
  }
  return { iterations, digest };
});

/** From 0 up to 1, the same for each attempt of one seed in every run: counts of failures can be known beforehand. */
export function flakyDraw(seed: string, attempt: number): number {
  return createHash('sha256').update(`${seed}.${attempt}`).digest().readUInt32BE(0) / 2 ** 32;
}

/** Fails in a share of its attempts, decided by the seed, or by the job's id where the payload has none. */
const flaky = defineJob(async (context: JobContext<Paced & { failure_rate?: number; seed?: string }>) => {
  await work(context);
  const { failure_rate = 0.5, seed = context.job.id } = context.job.payload;
  const draw = flakyDraw(seed, context.attempt);
  if (draw < failure_rate) {
    throw new Error(`Attempt ${context.attempt} failed on purpose: ${draw.toFixed(3)} < ${failure_rate}.`);
  }
  return { attempt: context.attempt, draw };
});

const noop = defineJob(async (context: JobContext<Paced>) => {
  await work(context);
  return null;
});

/** The repository's own service: the sample jobs of the demonstration, the tests and the benchmarks. */
export default defineConfig({
  jobs: {
    'send-email': sendEmail,
    extract,
    process: process_,
    notify,
    transform,
    compute,
    flaky,
    noop,
    default: noop,
  },
  workflows: [
    defineWorkflow('extract-process-notify')
      .step('extract', { job: 'extract', handler: extract, retryCount: 3 })
      .step('process', { job: 'process', handler: process_, retryCount: 3 })
      .step('notify', { job: 'notify', handler: notify, retryCount: 3 }),
  ],
});

async function work({ job, signal }: JobContext<Paced>): Promise<void> {
  const milliseconds = Number(job.payload?.work_ms ?? 0);
  if (milliseconds > 0) await delay(milliseconds, undefined, { signal });
}

function recordsOf(outputs: AfterSteps['outputs']): number[] {
  const records = Object.values(outputs ?? {}).flatMap((output) =>
    typeof output === 'object' && output !== null && 'records' in output && Array.isArray(output.records)
      ? output.records
      : [],
  );
  return records.map((record: unknown) =>
    typeof record === 'object' && record !== null && 'amount' in record ? Number(record.amount) : 0,
  );
}
