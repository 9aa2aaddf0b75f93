import { setTimeout as delay } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import type { DispatchMode } from '../../../engine/deps.ts';
import { JobDispatchEventSchema } from '../../../events/generated/millrace/v1/job_dispatch_event_pb.ts';
import { decodePack } from '../../../events/pack.ts';
import type { Api } from '../functions/http/api.ts';

type Variables = Readonly<Record<string, unknown>>;

export interface DialectJob {
  readonly id: string;
  readonly jobType: string;
  readonly instanceId: string;
  readonly retriesRemaining: number;
  readonly variables: Variables;
}

/** What it returns is set; what it throws fails the job, for good when the message ends with `!`. */
export type Handlers = Readonly<
  Record<string, (job: DialectJob, signal: AbortSignal) => object | Promise<object>>
>;

interface Worker {
  readonly mode: DispatchMode;
  readonly handlers: Handlers;
  readonly signal: AbortSignal;
}

/** Written from the contract: it polls, or takes the messages of the outbox as a consumer would get them. */
export async function runWorker(api: Api, { mode, handlers, signal }: Worker): Promise<void> {
  const take =
    mode === 'polling' ? () => poll(api, Object.keys(handlers)) : consumer(api, Object.keys(handlers));
  const running = new Set<Promise<void>>();
  while (!signal.aborted) {
    const jobs = await take();
    for (const job of jobs) {
      const done = work(api, job, { handlers, signal }).finally(() => running.delete(done));
      running.add(done);
    }
    if (jobs.length === 0) await delay(10);
  }
  await Promise.all(running);
}

async function work(
  api: Api,
  job: DialectJob,
  { handlers, signal }: Pick<Worker, 'handlers' | 'signal'>,
): Promise<void> {
  const workerId = 'w-1';
  const tell = async (verb: string, body: object) => {
    await api.post(`/v1/jobs/${job.id}/${verb}`, { workerId, ...body });
  };
  try {
    const handler = handlers[job.jobType];
    if (!handler) throw new Error(`no handler registered for ${job.jobType}!`);
    await tell('complete', { variables: await handler(job, signal) });
  } catch (error) {
    const errorMessage = error instanceof Error ? error.message : String(error);
    await tell('fail', { errorMessage, retryable: !errorMessage.endsWith('!') });
  }
}

async function poll(api: Api, jobTypes: readonly string[]): Promise<readonly DialectJob[]> {
  const answer = await api.post('/v1/jobs/poll', { workerId: 'w-1', jobTypes, maxJobs: 64 });
  return (answer.json['jobs'] ?? []) as readonly DialectJob[];
}

function consumer(api: Api, types: readonly string[]): () => Promise<readonly DialectJob[]> {
  let last = 0n;
  return async () => {
    const { rows } = await api.database
      .pool()
      .query<{ id: string; message_count: number; messages: Buffer }>(
        'select id, message_count, messages from dispatch_outbox where id > $1 and topic = any ($2) order by id limit 100',
        [last, types.map((type) => `workflow.jobs.${type}`)],
      );
    last = rows.reduce((max, { id }) => (BigInt(id) > max ? BigInt(id) : max), last);
    return rows.flatMap(({ message_count, messages }) =>
      decodePack(messages, message_count).map(({ value }) => {
        const event = fromBinary(JobDispatchEventSchema, value);
        return {
          id: event.jobId,
          jobType: event.jobType,
          instanceId: event.instanceId,
          retriesRemaining: event.retriesRemaining,
          variables: JSON.parse(Buffer.from(event.jobPayload).toString()) as Variables,
        };
      }),
    );
  };
}
