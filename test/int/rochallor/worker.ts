import { setTimeout as delay } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import type { DispatchMode } from '../../../engine/deps.ts';
import { JobDispatchEventSchema } from '../../../events/generated/millrace/v1/job_dispatch_event_pb.ts';
import { decodePack } from '../../../events/pack.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { type Client, type DialectJob, Refusal, type Variables } from './client.ts';

const WORKER_ID = 'w-1';

/** What it returns is set; what it throws fails the job, for good when the message ends with `!`. */
export type Handlers = Readonly<
  Record<string, (job: DialectJob, signal: AbortSignal) => object | Promise<object>>
>;

interface Worker {
  readonly mode: DispatchMode;
  readonly handlers: Handlers;
  readonly signal: AbortSignal;
  /** Where the messages are that a consumer would get. */
  readonly database: TestDatabase;
}

/** Written from the contract: it polls, or takes the messages of the outbox as a consumer would get them. */
export async function runWorker(client: Client, { mode, handlers, signal, database }: Worker): Promise<void> {
  const types = Object.keys(handlers);
  const take = mode === 'polling' ? () => client.poll(WORKER_ID, types) : consumer(database, types);
  const running = new Set<Promise<void>>();
  while (!signal.aborted) {
    const jobs = await take();
    for (const job of jobs) {
      const done = work(client, job, { handlers, signal }).finally(() => running.delete(done));
      running.add(done);
    }
    if (jobs.length === 0) await delay(10);
  }
  await Promise.all(running);
}

async function work(
  client: Client,
  job: DialectJob,
  { handlers, signal }: Pick<Worker, 'handlers' | 'signal'>,
): Promise<void> {
  try {
    const handler = handlers[job.jobType];
    if (!handler) throw new Error(`no handler registered for ${job.jobType}!`);
    const variables = (await handler(job, signal)) as Variables;
    await refusable(client.complete(job.id, WORKER_ID, variables));
  } catch (error) {
    const errorMessage = error instanceof Error ? error.message : String(error);
    const retryable = !errorMessage.endsWith('!');
    await refusable(client.fail(job.id, WORKER_ID, { errorMessage, retryable }));
  }
}

/** A result that is refused, because it came too late, is none of the worker's business. */
async function refusable(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

function consumer(database: TestDatabase, types: readonly string[]): () => Promise<readonly DialectJob[]> {
  let last = 0n;
  return async () => {
    const { rows } = await database
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
