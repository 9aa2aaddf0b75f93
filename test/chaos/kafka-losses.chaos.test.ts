import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { kafkaLibs } from '../../cli/dev/backends/choose.ts';
import { enqueueJobs } from '../../engine/commands/enqueue-jobs.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { StepId } from '../../events/ids.ts';
import { stepOfTopic } from '../../events/topics.ts';
import { describeKafka, kafkaBrokers, withAdmin } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { CliRelay, chaosTopic, cliRelayEnv } from './cli-relay.ts';
import { checkHistory } from './history.ts';
import { countTopic, createTopic, readTopicFromStart } from './topic-history.ts';
import { Workload } from './workload.ts';

failOnLeftoverProcesses();

const JOBS = 50;
const BYTES_A_SECOND = 100_000;

describeKafka('a relay on a Kafka', () => {
  test('that loses what it has acknowledged: jobs that nobody claims are dispatched again', {
    timeout: 120_000,
  }, async () => {
    await using fixture = await RelayFixture.create();
    const [brokers, topic] = [kafkaBrokers(), chaosTopic()];
    const type = stepOfTopic(topic) as StepId;
    const pool = createPool(readPostgresConfig(fixture.env(), { poolSize: 2 }), silentLogger);
    await using _ = { [Symbol.asyncDispose]: () => pool.end() };
    const store = createPostgresRecordStore(pool);
    await store.registerTypes([type]);
    await createTopic(brokers, topic);
    const env = cliRelayEnv(fixture.db.dsn, brokers, { WE_RELAY_LOST_DISPATCH_AFTER: '5s' });
    await using _relay = await CliRelay.start({ env });
    const requests = Array.from({ length: JOBS }, () => ({ type, payload: '{}', maxRetries: 0 }));
    await enqueueJobs(createEngineDeps(store, 'kafka_outbox'), requests);
    await waitFor(async () => (await countTopic(brokers, topic)) >= JOBS, { within: 30_000 });
    await withAdmin(async (admin) => {
      const ends = await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({
        topic,
        partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
      });
    });
    await waitFor(async () => (await countTopic(brokers, topic)) >= JOBS, {
      within: 60_000,
      what: 'them all again',
    });
    const { rows } = await fixture.pool.query<{ count: number }>(
      'select count(*)::integer from jobs where dispatches >= 2',
    );
    expect(rows).toEqual([{ count: JOBS }]);
  });

  test('that gives it a quota goes slowly, repeats nothing and loses nothing', {
    timeout: 120_000,
  }, async () => {
    await using fixture = await RelayFixture.create();
    const [brokers, topic] = [kafkaBrokers(), chaosTopic()];
    await createTopic(brokers, topic);
    // Of this term's producer alone: the broker is everybody's.
    await fixture.pool.query(
      `insert into relay_state (slot_name, term, leader, system_id, timeline, rebuild_reason) values ($1, $2, 'before', '', 1, 'first_start')`,
      [fixture.slot, TERM - 1],
    );
    const slot = { WE_RELAY_SLOT: fixture.slot };
    await using _ = await quota(brokers, `millrace-relay-${TERM}`);
    await using relay = await CliRelay.start({ env: cliRelayEnv(fixture.db.dsn, brokers, slot) });
    await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
    await work.burst(400);
    await waitFor(async () => (await fixture.outboxRows()) === 0, {
      within: 90_000,
      what: 'an empty outbox',
    });
    const records = await readTopicFromStart(brokers, topic);
    checkHistory(work.written, records, { duplicates: 0, left: await fixture.outboxRows() });
    expect(relay.said(`term=${TERM} has ended`)).toBe(false);
  });
});

const TERM = 1_000 + Math.floor(Math.random() * 1_000_000);

/** Kafka's own tool: the client for the tests has no such call. */
async function quota(brokers: readonly string[], client: string): Promise<AsyncDisposable> {
  const alter = (change: readonly string[]) =>
    promisify(execFile)('java', [
      ...['-cp', join(kafkaLibs(), '*'), 'kafka.admin.ConfigCommand'],
      ...['--bootstrap-server', brokers.join(','), '--alter', ...change],
      ...['--entity-type', 'clients', '--entity-name', client],
    ]);
  await alter(['--add-config', `producer_byte_rate=${BYTES_A_SECOND}`]);
  return {
    [Symbol.asyncDispose]: async () => void (await alter(['--delete-config', 'producer_byte_rate'])),
  };
}
