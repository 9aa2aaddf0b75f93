import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaClient } from '../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../adapters/kafka/event-streamer.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../adapters/system/engine-deps.ts';
import { enqueueJob } from '../../engine/commands/enqueue-jobs.ts';
import type { Publisher } from '../../engine/ports/event-streamer.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { StepId } from '../../events/ids.ts';
import { stepOfTopic } from '../../events/topics.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';
import { soakProgress, soakResult } from '../soak/report.ts';
import { CliRelay, chaosTopic, cliRelayEnv } from './cli-relay.ts';
import { checkHistory } from './history.ts';
import { KafkaCluster, leadOn } from './kafka-cluster.ts';
import { countTopic, createTopic, readTopicFromStart, type SeenRecord } from './topic-history.ts';
import { Workload } from './workload.ts';

failOnLeftoverProcesses();

/** A publisher that fails is replaced, and what was not cleared comes again: 4,000 messages, and one batch of 2,000. */
const DUPLICATES = 6_000;
/** Seconds without a broker; longer than the relay waits for one answer. Minutes in the long run. */
const OUTAGE_MS = 1_000 * Number(process.env['WE_CHAOS_OUTAGE_SECONDS'] ?? 20);
const PEAK_MEBIBYTES = 260;

async function drained(fixture: RelayFixture): Promise<void> {
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 90_000, what: 'an empty outbox' });
}

/** A relay of its own on a topic of its own, and a load for it. */
class Stream implements AsyncDisposable {
  readonly fixture: RelayFixture;
  readonly topic = chaosTopic();
  readonly work: Workload;
  readonly #cluster: KafkaCluster;

  private constructor(cluster: KafkaCluster, fixture: RelayFixture) {
    this.#cluster = cluster;
    this.fixture = fixture;
    this.work = new Workload({ dsn: () => fixture.db.dsn, topic: this.topic });
  }

  static async start(
    cluster: KafkaCluster,
    client: KafkaClient,
    config: Readonly<Record<string, string>> = {},
  ): Promise<Stream> {
    const stream = new Stream(cluster, await RelayFixture.create());
    await createTopic(cluster.brokers, stream.topic, 3, config);
    await leadOn(stream.fixture, cluster.config(client));
    return stream;
  }

  /** Once all is published, with what was read of a topic that is gone. */
  async check(before: readonly SeenRecord[] = []): Promise<void> {
    await drained(this.fixture);
    const records = await readTopicFromStart(this.#cluster.brokers, this.topic);
    const promises = { duplicates: DUPLICATES, left: await this.fixture.outboxRows() };
    checkHistory(this.work.written, [...before, ...records], promises);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.work[Symbol.asyncDispose]();
    await this.fixture[Symbol.asyncDispose]();
  }
}

describeKafka('a relay on three brokers', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await KafkaCluster.start();
  });
  afterEach(() => cluster.heal());
  afterAll(() => cluster[Symbol.asyncDispose]());

  const grown = (topic: string, by: number) => async (): Promise<void> => {
    const before = await countTopic(cluster.brokers, topic);
    await waitFor(async () => (await countTopic(cluster.brokers, topic)) > before + by, {
      within: 60_000,
      what: `${by} more records`,
    });
  };

  describe.each(['direct', 'kafkajs'] as const)('with the client %s', (client) => {
    test('kill -9 of the broker that leads loses nothing and breaks no order', {
      timeout: 150_000,
    }, async () => {
      await using stream = await Stream.start(cluster, client);
      const { topic, work } = stream;
      work.start();
      const more = grown(topic, 300);
      await more();
      const leader = await cluster.leaderOf(topic);
      await cluster.kill(leader);
      await more();
      await cluster.heal();
      await more();
      await work.stop();
      await stream.check();
    });

    test('a call that finds a partition moved to a leader that has answered for its others is stored whole, or refused', {
      timeout: 60_000,
    }, async () => {
      const topic = chaosTopic();
      await createTopic(cluster.brokers, topic, 6);
      const records = Array.from({ length: 300 }, (_, index) => ({
        topic,
        key: Buffer.from(`key-${index}`),
        value: Buffer.from(`key-${index}#${index}`),
        headers: [],
      }));
      const streamer = createKafkaStreamer(cluster.config(client));
      const publish = async (publisher: Publisher) =>
        publisher.publish(records).finally(() => publisher.close());
      const publisher = await streamer.publisher();
      await publisher.publish(records.slice(0, 100));
      await cluster.moveLeader(topic);
      await publish(publisher).catch(async () => publish(await streamer.publisher()));
      const seen = await readTopicFromStart(cluster.brokers, topic);
      const values = new Set(seen.map(({ value }) => value));
      expect(records.filter(({ value }) => !values.has(String(value))).length).toBe(0);
    });

    test('too few replicas in sync hold the stream up and lose nothing', { timeout: 150_000 }, async () => {
      await using stream = await Stream.start(cluster, client, { 'min.insync.replicas': '3' });
      const { fixture, topic, work } = stream;
      await work.burst(10);
      await drained(fixture);
      const broker = ((await cluster.leaderOf(topic)) + 1) % 3;
      await cluster.kill(broker);
      await waitFor(() => cluster.hasFewReplicas(topic), { within: 30_000, what: 'a replica to fall out' });
      await work.burst(50);
      expect(await fixture.outboxRows()).toBeGreaterThan(0);
      await cluster.heal();
      await stream.check();
    });

    test('a topic that is deleted and made again costs nothing that was not in it', {
      timeout: 150_000,
    }, async () => {
      await using stream = await Stream.start(cluster, client);
      const { fixture, topic, work } = stream;
      await work.burst(30);
      await drained(fixture);
      const before = await readTopicFromStart(cluster.brokers, topic);
      await cluster.withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
      await work.burst(30);
      expect(await fixture.outboxRows()).toBeGreaterThan(0);
      await waitFor(() => createTopic(cluster.brokers, topic).then(() => true), { within: 30_000 });
      await work.burst(30);
      await stream.check(before);
    });

    test('a job that is too large for its topic ends as a dead letter, and the stream goes on', {
      timeout: 90_000,
    }, async () => {
      await using fixture = await RelayFixture.create();
      const topic = chaosTopic();
      const type = stepOfTopic(topic) as StepId;
      await fixture.pool.query('insert into job_types (type) values ($1)', [type]);
      await createTopic(cluster.brokers, topic, 1, { 'max.message.bytes': '20000' });
      const pool = createPool(readPostgresConfig(fixture.env(), { poolSize: 2 }), silentLogger);
      await using _ = { [Symbol.asyncDispose]: () => pool.end() };
      const deps = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
      const enqueue = async (bytes: number) => {
        const done = await enqueueJob(deps, {
          type,
          payload: JSON.stringify('x'.repeat(bytes)),
          maxRetries: 0,
        });
        return done.job.id;
      };
      const ids = [await enqueue(10), await enqueue(50_000), await enqueue(20)];
      await leadOn(fixture, cluster.config(client));
      ids.push(await enqueue(30));
      await drained(fixture);
      const { rows } = await fixture.pool.query<{ id: string; status: string }>(
        'select id, status from jobs',
      );
      const statusOf = new Map(rows.map(({ id, status }) => [id, status]));
      expect(ids.map((id) => statusOf.get(id))).toEqual(['queued', 'dead_letter', 'queued', 'queued']);
      expect((await readTopicFromStart(cluster.brokers, topic)).length).toBe(3);
    });
  });

  test('a relay that is killed while one leader stands still and the others answer loses nothing', {
    timeout: 120_000,
  }, async () => {
    await using fixture = await RelayFixture.create();
    const topic = chaosTopic();
    await createTopic(cluster.brokers, topic, 6);
    const env = cliRelayEnv(fixture.db.dsn, cluster.brokers, { WE_RELAY_SLOT: fixture.slot });
    await using relay = await CliRelay.start({ env });
    await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
    await work.burst(20);
    await drained(fixture);
    await cluster.server.pauseBroker(2);
    await work.burst(50);
    expect(await fixture.outboxRows()).toBeGreaterThan(0);
    await relay.end('SIGKILL');
    await cluster.server.resumeBroker(2);
    await using _ = await CliRelay.start({ env });
    await drained(fixture);
    const records = await readTopicFromStart(cluster.brokers, topic);
    checkHistory(work.written, records, { duplicates: DUPLICATES, left: await fixture.outboxRows() });
  });

  test('partitions that are added under load lose nothing', { timeout: 120_000 }, async () => {
    await using fixture = await RelayFixture.create();
    const topic = chaosTopic();
    await createTopic(cluster.brokers, topic, 3);
    await leadOn(fixture, cluster.config('direct'));
    await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
    work.start();
    const more = grown(topic, 300);
    await more();
    await cluster.withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] }));
    await more();
    await work.stop();
    await drained(fixture);
    // A new leader sees the new partitions at once; the one before keeps to those it knows.
    await fixture.stopRelays();
    await leadOn(fixture, cluster.config('direct'));
    await work.burst(50);
    await drained(fixture);
    const records = await readTopicFromStart(cluster.brokers, topic);
    expect(new Set(records.map(({ partition }) => partition)).size).toBeGreaterThan(3);
    const promises = { duplicates: 0, left: await fixture.outboxRows(), order: 'free' as const };
    checkHistory(work.written, records, promises);
  });

  test(`no broker for ${OUTAGE_MS / 1_000} s costs nothing, and no memory`, {
    timeout: 180_000 + OUTAGE_MS,
  }, async () => {
    await using fixture = await RelayFixture.create();
    const topic = chaosTopic();
    await createTopic(cluster.brokers, topic);
    const more = { WE_RELAY_PUBLISH_TIMEOUT: '7s', WE_RELAY_BACKOFF_MAX: '2s', WE_RELAY_SLOT: fixture.slot };
    await using relay = await CliRelay.start({ env: cliRelayEnv(fixture.db.dsn, cluster.brokers, more) });
    await using work = new Workload({ dsn: () => fixture.db.dsn, topic });
    work.start();
    await grown(topic, 300)();
    await cluster.pause();
    soakProgress('no broker answers from now on');
    const until = performance.now() + OUTAGE_MS;
    await waitFor(() => performance.now() > until && relay.said('term=1 has ended'), {
      within: OUTAGE_MS + 30_000,
      what: 'the outage to outlast the client',
    });
    await work.stop();
    soakProgress(`the brokers answer again; ${await fixture.outboxRows()} rows wait`);
    await cluster.resume();
    await drained(fixture);
    const peak = await relay.peakMebibytes();
    expect(peak).toBeLessThan(PEAK_MEBIBYTES);
    const records = await readTopicFromStart(cluster.brokers, topic);
    const promises = { duplicates: DUPLICATES, left: await fixture.outboxRows() };
    const { messages, duplicates } = checkHistory(work.written, records, promises);
    soakResult(`${messages} messages: 0 lost, ${duplicates} repeated, peak ${Math.round(peak)} MiB`);
  });
});
