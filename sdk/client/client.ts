import type { JobHandlers, PayloadOf, ResultOf, ServiceConfig } from '../define.ts';
import type { JobAnswer, JobPage, Redriven, StartedWorkflow, WorkflowAnswer } from './answers.ts';
import { type ClientOptions, createSend } from './request.ts';

/** Of a service: `createClient<typeof config>(…)` knows its job types, what they take and what they return. */
type HandlersOf<Service> = Service extends ServiceConfig<infer Handlers> ? Handlers : JobHandlers;
type TypesOf<Service> = Extract<keyof HandlersOf<Service>, string>;
/** A handler that takes nothing says nothing of its payload. */
type Some<Payload> = [Payload] extends [never] ? unknown : Payload;
type PayloadFor<Service, Type extends string> = Type extends keyof HandlersOf<Service>
  ? Some<PayloadOf<HandlersOf<Service>[Type]>>
  : unknown;
type ResultFor<Service, Type extends string> = Type extends keyof HandlersOf<Service>
  ? ResultOf<HandlersOf<Service>[Type]>
  : unknown;

export interface EnqueueOptions {
  /** The same request under the same key is accepted once. A random one unless given: then only the client's own tries count. */
  readonly idempotencyKey?: string;
  readonly runAt?: Date;
  readonly maxRetries?: number;
  readonly priority?: number;
  readonly partitionKey?: string;
  readonly uniqueKey?: string;
}

export interface JobFilter {
  readonly status?: string;
  readonly type?: string;
  readonly text?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface OnBehalf {
  readonly actor?: string;
  readonly reason?: string;
}

export interface Client<Service = ServiceConfig> {
  enqueue<Type extends TypesOf<Service>>(
    type: Type,
    payload: PayloadFor<Service, Type>,
    options?: EnqueueOptions,
  ): Promise<JobAnswer<PayloadFor<Service, Type>, ResultFor<Service, Type>>>;
  getJob<Type extends TypesOf<Service>>(
    id: string,
    type?: Type,
  ): Promise<JobAnswer<PayloadFor<Service, Type>, ResultFor<Service, Type>>>;
  listJobs(filter?: JobFilter): Promise<JobPage>;
  /** All jobs that match, page by page. */
  jobs(filter?: JobFilter): AsyncIterable<JobAnswer>;
  cancelJob(id: string, by?: OnBehalf): Promise<JobAnswer>;
  /** Queues a dead letter or a cancelled job again. */
  retryJob(id: string, by?: OnBehalf): Promise<JobAnswer>;
  /** Resolves once the job has ended, however. @throws ClientError `unavailable` when that takes longer */
  jobEnd(id: string, wait?: { readonly withinMs?: number }): Promise<JobAnswer>;
  startWorkflow(
    definition: string,
    input?: Readonly<Record<string, unknown>>,
    options?: { readonly foreignId?: string; readonly version?: number },
  ): Promise<StartedWorkflow>;
  getWorkflow(id: string): Promise<WorkflowAnswer>;
  signalWorkflow(
    id: string,
    step: string,
    variables?: Readonly<Record<string, unknown>>,
  ): Promise<WorkflowAnswer>;
  cancelWorkflow(id: string, by?: OnBehalf): Promise<WorkflowAnswer>;
  redrive(
    which:
      | { readonly all: true }
      | { readonly ids: readonly string[] }
      | { readonly filter: Readonly<Record<string, string>> },
    options?: OnBehalf & { readonly dry_run?: boolean; readonly limit?: number },
  ): Promise<Redriven>;
}

const ENDED = new Set(['completed', 'dead_letter', 'cancelled']);
const LOOK_MS = 250;

/** The HTTP API, typed by the service. Runs in browsers and in Node; brings no dependency. */
export function createClient<Service = ServiceConfig>(options: ClientOptions): Client<Service> {
  const send = createSend(options);
  const job = (id: string, verb = '') => `/api/v1/jobs/${encodeURIComponent(id)}${verb}`;
  const workflow = (id: string, verb = '') => `/api/v1/workflows/${encodeURIComponent(id)}${verb}`;
  const listJobs = (filter: JobFilter = {}) => send<JobPage>('GET', `/api/v1/jobs${queryOf(filter)}`);
  return {
    enqueue: (type, payload, { idempotencyKey, runAt, maxRetries, priority, partitionKey, uniqueKey } = {}) =>
      send('POST', '/api/v1/jobs', {
        type,
        payload: payload ?? null,
        // A unique key finds the job that stands for this one, and says so better than a key of one request could.
        idempotency_key: idempotencyKey ?? (uniqueKey === undefined ? crypto.randomUUID() : undefined),
        run_at: runAt?.toISOString(),
        max_retries: maxRetries,
        priority,
        partition_key: partitionKey,
        unique_key: uniqueKey,
      }),
    getJob: (id) => send('GET', job(id)),
    listJobs,
    jobs: async function* (filter: JobFilter = {}) {
      for (let cursor = filter.cursor; ; ) {
        const page = await listJobs({ ...filter, ...(cursor === undefined ? {} : { cursor }) });
        yield* page.jobs;
        if (page.next_cursor === null) return;
        cursor = page.next_cursor;
      }
    },
    cancelJob: (id, by = {}) => send('POST', job(id, '/cancel'), by),
    retryJob: (id, by = {}) => send('POST', job(id, '/retry'), by),
    jobEnd: async (id, { withinMs = 60_000 } = {}) => {
      for (const until = Date.now() + withinMs; ; ) {
        const found = await send<JobAnswer>('GET', job(id));
        if (ENDED.has(found.status)) return found;
        if (Date.now() > until || options.signal?.aborted) throw notEnded(id, found.status);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    startWorkflow: (definition, input = {}, { foreignId, version } = {}) =>
      send('POST', '/api/v1/workflows', { definition, input, version, foreign_id: foreignId }),
    getWorkflow: (id) => send('GET', workflow(id)),
    signalWorkflow: (id, step, variables) => send('POST', workflow(id, '/signal'), { step, variables }),
    cancelWorkflow: (id, by = {}) => send('POST', workflow(id, '/cancel'), by),
    redrive: (which, more = {}) => send('POST', '/api/v1/dead-letters/redrive', { ...which, ...more }),
  };
}

function queryOf(filter: JobFilter): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query}`;
}

function notEnded(id: string, status: string): Error {
  return Object.assign(
    new Error(`Job ${id} is ${status} and has not ended in time. Wait longer with withinMs.`),
    {
      code: 'unavailable',
    },
  );
}
