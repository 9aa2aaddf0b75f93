import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { claimJobs } from '../../engine/commands/claim-jobs.ts';
import { completeJobs } from '../../engine/commands/complete-jobs.ts';
import { enqueueJobs } from '../../engine/commands/enqueue-jobs.ts';
import type { EngineDeps } from '../../engine/deps.ts';
import type { IncomingRecord } from '../../engine/ports/event-streamer.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { ClaimOutcome } from '../../engine/ports/record-store.ts';
import { header } from '../../events/headers.ts';
import type { ClaimToken, JobId, StepId, Topic } from '../../events/ids.ts';
import { describeKafka, kafkaBrokers } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { CliRelay, chaosTopic, cliRelayEnv } from './cli-relay.ts';
import { createTopic } from './topic-history.ts';

failOnLeftoverProcesses();

const KILLS = 2;
const WITHIN = { within: 60_000 };

/** Claims and completes what comes, as a worker does. A claim that finds nothing is a commit that cannot be seen yet. */
async function work(engine: EngineDeps, batch: readonly IncomingRecord[], done: Map<string, number>) {
  const ids = batch.map(({ headers }) => {
    const id = headers.find(({ name }) => name === header.dedupId)?.value.toString() ?? '';
    return id.slice(0, id.indexOf('.')) as JobId;
  });
  for (const id of ids) done.set(id, (done.get(id) ?? 0) + 1);
  const outcomes = await claimed(engine, [...new Set(ids)]);
  const results = outcomes.flatMap((outcome) =>
    outcome.kind === 'claimed'
      ? [{ id: outcome.job.id, token: outcome.job.token as ClaimToken, result: 'null' }]
      : [],
  );
  await completeJobs(engine, results);
}

async function claimed(engine: EngineDeps, ids: readonly JobId[]): Promise<ClaimOutcome[]> {
  const claim = { claimId: randomUUID(), ids, workerId: 'w', leaseMs: 60_000 };
  const outcomes = await claimJobs(engine, claim);
  const unseen = ids.filter((_, index) => outcomes[index]?.kind === 'not_found');
  return unseen.length > 0 ? [...outcomes, ...(await claimed(engine, unseen))] : outcomes;
}

describeKafka('an outbox of messages, on Kafka', () => {
  test('leaders killed and the slot lost under load: every job is completed, and copies stay within their bound', {
    timeout: 180_000,
  }, async () => {
    await using fixture = await RelayFixture.create();
    await using pool = disposable(
      createPool(readPostgresConfig(fixture.env(), { poolSize: 6 }), silentLogger),
    );
    const [brokers, topic] = [kafkaBrokers(), chaosTopic()];
    const type = topic.replace('workflow.jobs.', '') as StepId;
    const store = createPostgresRecordStore(pool.pool);
    await store.registerTypes([type]);
    const engine = createEngineDeps(store, 'kafka_outbox');
    await createTopic(brokers, topic);
    const env = cliRelayEnv(fixture.db.dsn, brokers, { WE_OUTBOX: 'message' });
    await using relays = new Relays(env);
    await relays.start();
    const delivered = new Map<string, number>();
    await using worker = await receive(env, topic, (batch) => work(engine, batch, delivered));
    const load = new Load(engine, type);
    for (let round = 0; round < KILLS; round += 1) {
      await waitFor(() => delivered.size > round * 300 + 100, { ...WITHIN, what: 'jobs to arrive' });
      await relays.killAndStart();
    }
    await relays.kill();
    await waitFor(async () => {
      const { rowCount } = await fixture.pool.query(
        'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active',
        [env['WE_RELAY_SLOT']],
      );
      return rowCount === 1;
    }, WITHIN);
    const before = load.accepted.size;
    await waitFor(() => load.accepted.size > before + 200, WITHIN);
    await relays.start();
    await waitFor(() => relays.said('dispatched every queued job anew'), WITHIN);
    const after = load.accepted.size;
    await waitFor(() => load.accepted.size > after + 200, WITHIN);
    await load.stop();
    await waitFor(async () => (await states(fixture)).get('completed') === load.accepted.size, {
      ...WITHIN,
      what: 'every job to be completed',
    });
    await worker.stop();
    expect(await states(fixture)).toEqual(new Map([['completed', load.accepted.size]]));
    expect(new Set(delivered.keys())).toEqual(load.accepted);
    const copies = [...delivered.values()].reduce((sum, count) => sum + count - 1, 0);
    expect(copies).toBeLessThanOrEqual(KILLS * 6_000 + load.accepted.size);
    const { rows } = await fixture.pool.query(`select pg_relation_size('dispatch_outbox')::integer as bytes`);
    expect(rows).toEqual([{ bytes: 0 }]);
    console.info(`${load.accepted.size} jobs, ${KILLS} kills and a lost slot: ${copies} copies`);
  });
});

function disposable(pool: ReturnType<typeof createPool>) {
  return { pool, [Symbol.asyncDispose]: () => pool.end() };
}

/** One at a time: what matters here is what the next one finds. */
class Relays implements AsyncDisposable {
  readonly #env: Readonly<Record<string, string>>;
  #relay: CliRelay | undefined;

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  async start(): Promise<void> {
    this.#relay = await CliRelay.start({ env: this.#env });
  }

  async kill(): Promise<void> {
    await this.#relay?.end('SIGKILL');
  }

  async killAndStart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  said(words: string): boolean {
    return this.#relay?.said(words) ?? false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#relay?.[Symbol.asyncDispose]();
  }
}

/** Enqueues in transactions of one to three jobs until it is stopped. */
class Load {
  readonly accepted = new Set<string>();
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(engine: EngineDeps, type: StepId) {
    this.#running = this.#run(engine, type);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(engine: EngineDeps, type: StepId): Promise<void> {
    for (let round = 0; !this.#isOver; round += 1) {
      const jobs = Array.from({ length: 1 + (round % 3) }, () => ({ type, payload: '{}', maxRetries: 3 }));
      for (const outcome of await enqueueJobs(engine, jobs)) this.accepted.add(outcome.job.id);
    }
  }
}

async function receive(
  env: Readonly<Record<string, string>>,
  topic: Topic,
  handle: (batch: readonly IncomingRecord[]) => Promise<void>,
) {
  const options = { topic, group: `group-${topic}`, batchSize: 500, batchWindowMs: 20 };
  const receiver = await createKafkaStreamer(readKafkaConfig(env)).receiver(options);
  const over = new AbortController();
  const running = receiver.run(async (batch) => {
    await handle(batch);
    return { failed: [] };
  }, over.signal);
  const stop = async (): Promise<void> => {
    over.abort();
    await running;
  };
  return { stop, [Symbol.asyncDispose]: stop };
}

async function states(fixture: RelayFixture): Promise<Map<string, number>> {
  const { rows } = await fixture.pool.query<{ status: string; count: number }>(
    'select status, count(*)::integer as count from jobs group by status',
  );
  return new Map(rows.map(({ status, count }) => [status, count]));
}
