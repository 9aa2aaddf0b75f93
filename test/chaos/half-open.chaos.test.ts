import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type KafkaServer, startKafka } from '../../cli/dev/backends/kafka.ts';
import { freePorts } from '../../cli/dev/backends/ports.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { CliRelay, chaosTopic, cliRelayEnv } from './cli-relay.ts';
import { checkHistory } from './history.ts';
import { type Cable, NetworkNamespace } from './network-namespace.ts';
import { OwnPostgres } from './own-postgres.ts';
import { countTopic, createTopic, publishedByZombies, readTopicFromStart } from './topic-history.ts';
import { Workload } from './workload.ts';

failOnLeftoverProcesses();

const missing = await NetworkNamespace.reasonAgainst();
const isRequired = process.env['CI'] === 'true';
const TAKEOVER_MS = 20_000;
const DUPLICATES = 6_000;

type Side = 'PostgreSQL' | 'Kafka' | 'both';

/** A leader in a network of its own and a standby outside, on servers that both reach. */
class CutOffLeader implements AsyncDisposable {
  readonly #cleanup: AsyncDisposableStack;
  readonly server: OwnPostgres;
  readonly brokers: readonly string[];
  readonly cables: readonly Cable[];
  readonly leader: CliRelay;
  readonly standby: CliRelay;
  readonly work: Workload;
  readonly topic: string;

  private constructor(cleanup: AsyncDisposableStack, parts: Omit<CutOffLeader, keyof AsyncDisposable>) {
    this.#cleanup = cleanup;
    ({
      server: this.server,
      brokers: this.brokers,
      cables: this.cables,
      leader: this.leader,
      standby: this.standby,
      work: this.work,
      topic: this.topic,
    } = parts);
  }

  static async create(side: Side): Promise<CutOffLeader> {
    await using made = new AsyncDisposableStack();
    const namespace = made.use(await NetworkNamespace.create());
    const [toPostgres, toKafka] = [await namespace.cable(), await namespace.cable()];
    const server = made.use(
      await OwnPostgres.start({ settings: { listen_addresses: `127.0.0.1,${toPostgres.host}` } }),
    );
    await server.admit(`${toPostgres.host}/30`);
    const kafka = await kafkaAt(toKafka.host, made);
    const { brokers } = kafka;
    const topic = chaosTopic();
    await createTopic(brokers, topic);
    const more = { WE_RELAY_PUBLISH_TIMEOUT: '6s' };
    const env = cliRelayEnv(server.dsn.replace('127.0.0.1', toPostgres.host), brokers, more);
    const leader = made.use(await CliRelay.start({ env, within: namespace.within }));
    const standby = made.use(await CliRelay.start({ env: { ...env, WE_POSTGRES_DSN: server.dsn } }));
    const work = made.use(new Workload({ dsn: () => server.dsn, topic }));
    const cables = { PostgreSQL: [toPostgres], Kafka: [toKafka], both: [toPostgres, toKafka] }[side];
    return new CutOffLeader(made.move(), { server, brokers, cables, leader, standby, work, topic });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanup.disposeAsync();
  }
}

/** A broker that tells its clients to come over the cable. */
async function kafkaAt(host: string, cleanup: AsyncDisposableStack): Promise<{ brokers: readonly string[] }> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-cut-'));
  cleanup.defer(() => rm(dir, { recursive: true, force: true }));
  const [port = 0, controller = 0] = await freePorts(2);
  const kafka: KafkaServer = await startKafka({
    dir: join(dir, 'kafka'),
    port,
    settings: {
      listeners: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://127.0.0.1:${controller}`,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://${host}:${port}`,
    },
  });
  cleanup.defer(() => kafka.stop());
  return { brokers: [`${host}:${port}`] };
}

describeKafka('a leader whose packets vanish', () => {
  const title = missing === undefined || isRequired ? 'in its own network' : `(skipped: ${missing})`;
  describe.skipIf(missing !== undefined && !isRequired)(title, () => {
    test.each<Side>(['PostgreSQL', 'Kafka', 'both'])(
      'on the way to %s is replaced and publishes nothing new',
      {
        timeout: 180_000,
      },
      async (side) => {
        await using scene = await CutOffLeader.create(side);
        const { brokers, cables, leader, standby, work, topic, server } = scene;
        expect(leader.said('this replica is leader=true')).toBe(true);
        work.start();
        await waitFor(async () => (await countTopic(brokers, topic)) > 500, { within: 30_000 });
        await Promise.all(cables.map((cable) => cable.cut()));
        await waitFor(() => standby.said('leader=true term='), {
          within: TAKEOVER_MS,
          what: 'the standby to lead',
        });
        const before = await countTopic(brokers, topic);
        await waitFor(async () => (await countTopic(brokers, topic)) > before + 500, {
          within: 30_000,
          what: 'the new leader to publish',
        });
        await Promise.all(cables.map((cable) => cable.heal()));
        await waitFor(() => leader.said('leader=false term=1 has ended'), {
          within: 60_000,
          what: 'the old leader to know',
        });
        await work.stop();
        await work.burst(20);
        const { fixture } = server;
        await waitFor(async () => (await fixture.outboxRows()) === 0, {
          within: 60_000,
          what: 'an empty outbox',
        });
        const records = await readTopicFromStart(brokers, topic);
        checkHistory(work.written, records, { duplicates: DUPLICATES, left: await fixture.outboxRows() });
        expect(publishedByZombies(records)).toEqual([]);
        expect(records.some(({ epoch }) => epoch > 1)).toBe(true);
      },
    );
  });
});
