import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DispatchMode } from '../../engine/deps.ts';
import { KafkaCluster } from '../chaos/kafka-cluster.ts';
import { OwnPostgres } from '../chaos/own-postgres.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { type Program, preparePrograms } from './programs.ts';
import { type ClientsRig, clientsRig, type Worker } from './rig.ts';

/** What makes the originals lose jobs, with their kind of worker at work: 0 lost, 0 stuck, 0 counted twice. */
const { found } = await preparePrograms({ full: true });
/** Its runner for Kafka ends at a refusal, and asks again where there is no answer. */
const published = found.filter(({ name }) => name.endsWith('published SDK over REST'));
const INSTANCES = 40;

/** Keeps instances coming while the fault happens. @returns the ids that were accepted */
async function startSome(
  rig: ClientsRig,
  { wanted = INSTANCES, variables = { flaky: true } } = {},
): Promise<string[]> {
  const ids: string[] = [];
  for (let count = 0; count < wanted; count += 1) {
    const id = await rig.start(variables);
    if (id !== undefined) ids.push(id);
  }
  return ids;
}

async function expectWhole(rig: ClientsRig, accepted: readonly string[]): Promise<void> {
  const total = async () =>
    (await rig.database.pool().query<{ count: number }>('select count(*)::integer from workflow_instances'))
      .rows[0]?.count ?? 0;
  await rig.untilCompleted(await total());
  const { rows } = await rig.database
    .pool()
    .query('select count(*)::integer from workflow_instances where id = any ($1)', [accepted]);
  expect(rows).toEqual([{ count: accepted.length }]);
  const jobs = await rig.database
    .pool()
    .query<{ status: string; count: number }>(
      'select status, count(*)::integer as count from jobs group by status',
    );
  // Two jobs an instance: no third one came of a result that counted twice.
  expect(jobs.rows).toEqual([{ status: 'completed', count: 2 * (await total()) }]);
}

/** A server of PostgreSQL that the suite's rig is alone with, and the rig. Call it at the top of a suite. */
function faultRig(mode: DispatchMode, options: Parameters<typeof clientsRig>[1] = {}): Faulty {
  let postgres: OwnPostgres | undefined;
  afterAll(async () => postgres?.[Symbol.asyncDispose]());
  const databaseOf = async () => {
    postgres = await OwnPostgres.start({});
    return postgres.through(postgres.dsn);
  };
  const rig = clientsRig(mode, { ...options, databaseOf });
  return { rig, crash: async () => postgres?.crash() };
}

interface Faulty {
  readonly rig: ClientsRig;
  /** Ends PostgreSQL as a power cut does, and starts it again. */
  crash(): Promise<void>;
}

function survives({ rig, crash }: Faulty, programs: readonly Program[]): void {
  const [program] = programs;
  if (!program) {
    test.skip('no program can be run here');
    return;
  }

  test('a worker that is killed at work', async () => {
    const first = await rig.startWorker(program);
    const coming = startSome(rig);
    await waitFor(() => first.ran.length > 5, { within: 60_000, what: 'the worker to be at work' });
    await first.kill('SIGKILL');
    const second = await rig.startWorker(program);
    await expectWhole(rig, await coming);
    await second.kill('SIGTERM');
  });

  test('workers that are ended at work, five times over', async () => {
    const accepted: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const worker = await rig.startWorker(program);
      // None that fails at first: each worker that ends leaves its messages to the next, and a copy that fails is an attempt.
      accepted.push(...(await startSome(rig, { wanted: 8, variables: { flaky: false } })));
      await waitFor(() => worker.ran.length > 0, { within: 90_000, what: 'the worker to be at work' });
      await worker.kill('SIGTERM');
    }
    const last = await rig.startWorker(program);
    await expectWhole(rig, accepted);
    await last.kill('SIGTERM');
  });

  test.each([program, ...published])(
    'an API that is killed between its writes, and comes back, under a worker in $name',
    async (one) => {
      const worker = await rig.startWorker(one);
      const coming = startSome(rig);
      for (let round = 0; round < 3; round += 1) {
        const before = worker.ran.length;
        await waitFor(() => worker.ran.length > before, { within: 60_000, what: 'work to go on' });
        await rig.killApi();
      }
      await expectWithNewWorker(await coming, worker);
    },
  );

  test('database connections that are cut, ten times', async () => {
    const worker = await rig.startWorker(program);
    const coming = startSome(rig);
    for (let round = 0; round < 10; round += 1) {
      await rig.database
        .pool()
        .query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'",
        );
      await waitFor(async () => (await fetch(`${rig.apiUrl}/api/v1/jobs?limit=1`)).ok, {
        within: 30_000,
        what: 'the API to answer again',
      });
    }
    await expectWithNewWorker(await coming, worker);
  });

  test('a PostgreSQL that is crashed and comes back, twice', async () => {
    const worker = await rig.startWorker(program);
    const coming = startSome(rig);
    for (let round = 0; round < 2; round += 1) {
      const before = worker.ran.length;
      await waitFor(() => worker.ran.length > before, { within: 60_000, what: 'work to go on' });
      await crash();
      await waitFor(async () => (await fetch(`${rig.apiUrl}/api/v1/jobs?limit=1`)).ok, {
        within: 60_000,
        what: 'the API to answer again',
      });
    }
    await expectWithNewWorker(await coming, worker);
  });

  test('a key that is replayed', async () => {
    const body = JSON.stringify({ type: 'noop', payload: {}, idempotency_key: 'replayed' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const answer = await fetch(`${rig.apiUrl}/api/v1/jobs`, { method: 'POST', body });
        return { status: answer.status, id: ((await answer.json()) as { id: string }).id };
      }),
    );
    expect(new Set(answers.map(({ status, id }) => `${status} ${id}`)).size).toBe(1);
    const gone = await rig.database.pool().query("delete from jobs where idempotency_key = 'replayed'");
    expect(gone.rowCount).toBe(1);
  });

  /** One whose results were lost on the way has them in its memory of what it has seen; another has not. */
  async function expectWithNewWorker(accepted: readonly string[], worker: Worker): Promise<void> {
    const other = await rig.startWorker(program as Program);
    await expectWhole(rig, accepted);
    await Promise.all([worker.kill('SIGTERM'), other.kill('SIGTERM')]);
  }
}

describe('clients that poll survive', () => {
  survives(faultRig('polling'), found);
});

describeKafka('clients that consume from Kafka survive', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await KafkaCluster.start(1);
  });
  afterAll(async () => cluster?.[Symbol.asyncDispose]());
  // What a worker took and never told of is dispatched again by this sweep.
  const relayEnv = { WE_RELAY_LOST_DISPATCH_AFTER: '10s' };
  const faulty = faultRig('kafka_outbox', { brokersOf: () => cluster.brokers, relayEnv });
  const programs = found.filter(({ kafka }) => kafka);
  const { rig } = faulty;
  survives(faulty, programs);

  test.runIf(programs.length > 0)('a broker that is restarted', async () => {
    const [program] = programs;
    if (!program) return;
    const worker = await rig.startWorker(program);
    const coming = startSome(rig);
    await cluster.kill(0);
    await cluster.heal();
    await expectWhole(rig, await coming);
    await worker.kill('SIGTERM');
  });
});
