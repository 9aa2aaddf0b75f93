import { afterAll, beforeAll, expect } from 'vitest';
import { readKafkaConfig } from '../../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../../adapters/kafka/event-streamer.ts';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { PostgresWakeups } from '../../../adapters/postgres/wakeups.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { toMskEvent } from '../../../cli/dev/msk-event.ts';
import type { DispatchMode } from '../../../engine/deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { leaderRoles } from '../../../engine/roles/leader-roles.ts';
import { isStepId, type StepId, type Topic } from '../../../events/ids.ts';
import { decodePack } from '../../../events/pack.ts';
import { jobTopic } from '../../../events/topics.ts';
import * as replies from '../../../functions/http/workflow-replies.ts';
import { createMskHandler, type JobHandlers, KafkaRunner, PollingRunner } from '../../../sdk/index.ts';
import { createTopics, kafkaBrokers } from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { type Answer, type Api, startApi } from '../functions/http/api.ts';
import { RelayFixture } from '../relay-cdc/fixture.ts';

/** The API, the leader's roles and a worker over one database: workflows run by themselves. */
export interface WorkflowStack {
  readonly api: Api;
  /** Uploads the definition and starts an instance of it. */
  start(definition: object, input?: object, more?: object): Promise<string>;
  upload(definition: object): Promise<Answer>;
  view(id: string): Promise<ReturnType<typeof replies.workflow.parse>>;
  /** As it stands once it has this status. */
  until(
    id: string,
    status: string,
    options?: { readonly within: number },
  ): Promise<ReturnType<typeof replies.workflow.parse>>;
  /** Once a step has been entered and is under way. */
  untilAt(id: string, step: string): Promise<void>;
  post(path: string, body?: object): Promise<Answer>;
}

const SOON = { within: 60_000 };

/** How the jobs of a mode reach their worker. */
export type Way = 'polling' | 'lambda' | 'broker';

/** Call it at the top of a test file. */
export function startStack(way: Way, handlers: JobHandlers): WorkflowStack {
  const mode: DispatchMode = way === 'polling' ? way : 'kafka_outbox';
  const api = startApi(mode);
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  let release = () => Promise.resolve();
  beforeAll(async () => {
    const pool = createPool({ dsn: api.database.dsn, poolSize: 4 }, silentLogger);
    const store = createPostgresRecordStore(pool);
    await store.registerTypes(Object.keys(handlers).filter(isStepId));
    const deps = createEngineDeps(store, mode);
    const wakeups = new PostgresWakeups({ dsn: api.database.dsn, clock: deps.clock, logger: silentLogger });
    const options = { logger: silentLogger, tickMs: 1000, lostAfterMs: 300_000, wakeups };
    for (const role of leaderRoles(deps, options)) running.push(role.run(stop.signal));
    release = await startWorker[way](api, handlers);
    const end = release;
    release = async () => {
      await end();
      stop.abort();
      await Promise.all(running);
      await pool.end();
    };
  });
  afterAll(() => release());
  const post = (path: string, body: object = {}) => api.post(`/api/v1/${path}`, body);
  const view = async (id: string) => {
    const answer = await api.get(`/api/v1/workflows/${id}`);
    expect(answer.status, answer.text).toBe(200);
    return replies.workflow.parse(answer.json);
  };
  const upload = (definition: object) => post('definitions', definition);
  return {
    api,
    post,
    view,
    upload,
    async start(definition, input = {}, more = {}) {
      const uploaded = await upload(definition);
      expect(uploaded.status, uploaded.text).toBe(201);
      const started = await post('workflows', { definition: uploaded.json['id'], input, ...more });
      expect(started.status, started.text).toBe(201);
      return String(started.json['id']);
    },
    async until(id, status, options = SOON) {
      await waitFor(async () => (await view(id)).status === status, {
        ...options,
        what: `workflow ${id} to be ${status}`,
      });
      return view(id);
    },
    async untilAt(id, step) {
      const isThere = async () =>
        (await view(id)).timeline.some((entry) => entry.step === step && entry.ended_at === null);
      await waitFor(isThere, { ...SOON, what: `workflow ${id} to stand at ${step}` });
    },
  };
}

type Worker = (api: Api, handlers: JobHandlers) => Promise<() => Promise<void>>;

const startWorker: Readonly<Record<Way, Worker>> = {
  polling: async (api, handlers) => {
    const runner = new PollingRunner({ handlers, apiUrl: api.url, workerId: 'w', concurrency: 20 });
    await runner.start();
    return () => runner.stop();
  },
  lambda: async (api, handlers) => {
    const stop = new AbortController();
    const consuming = consume(api, { handlers, signal: stop.signal });
    return () => {
      stop.abort();
      return consuming;
    };
  },
  broker: async (api, handlers) => {
    await createTopics(Object.keys(handlers).map((type) => jobTopic(type as StepId)));
    const kafka = { WE_KAFKA_TRANSPORT: 'plaintext', WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') };
    const streamer = createKafkaStreamer(readKafkaConfig(kafka), silentLogger);
    const { dsn, pool } = api.database;
    const relays = RelayFixture.on({ dsn, pool, drop: async () => undefined });
    await relays.lead({ streamer });
    const runner = new KafkaRunner({ handlers, apiUrl: api.url, workerId: 'w', concurrency: 20, streamer });
    await runner.start();
    return async () => {
      await runner.stop();
      await relays[Symbol.asyncDispose]();
    };
  },
};

/** What the relay publishes, given to the Lambda worker in the order of the outbox. */
async function consume(
  api: Api,
  { handlers, signal }: { readonly handlers: JobHandlers; readonly signal: AbortSignal },
): Promise<void> {
  const handler = createMskHandler({ handlers, apiUrl: api.url, workerId: 'w' });
  let last = 0n;
  let offset = 0n;
  while (!signal.aborted) {
    const rows = await waitFor(async () => (signal.aborted ? [] : nonEmpty(await outboxAfter(api, last))), {
      within: 3_600_000,
      what: 'something to dispatch',
    });
    last = rows.reduce((max, { id }) => (BigInt(id) > max ? BigInt(id) : max), last);
    const records = rows.flatMap(({ topic, message_count, messages }) =>
      decodePack(messages, message_count).map(({ key, value, headers }) => {
        offset += 1n;
        return { topic: topic as Topic, partition: 0, offset, timestamp: Date.now(), key, value, headers };
      }),
    );
    if (records.length === 0) continue;
    const event: unknown = JSON.parse(JSON.stringify(toMskEvent(records, 'b-1:9098')));
    const end = Date.now() + 30_000;
    const answer = await handler(event, { getRemainingTimeInMillis: () => end - Date.now() });
    expect(answer.batchItemFailures).toEqual([]);
  }
}

async function outboxAfter(api: Api, id: bigint) {
  const { rows } = await api.database
    .pool()
    .query<{ id: string; topic: string; message_count: number; messages: Buffer }>(
      'select id, topic, message_count, messages from dispatch_outbox where id > $1 order by id limit 100',
      [id],
    );
  return rows;
}

function nonEmpty<T>(rows: T[]): T[] | undefined {
  return rows.length > 0 ? rows : undefined;
}
