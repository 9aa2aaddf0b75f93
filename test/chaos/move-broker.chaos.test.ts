import { expect, test } from 'vitest';
import { startNats } from '../../cli/dev/backends/nats.ts';
import { millrace } from '../e2e/millrace.ts';
import { describeKafka, withAdmin } from '../helpers/kafka.ts';
import { describeWithServer } from '../helpers/own-server.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Gate } from './gate.ts';
import { checkHistory, type SeenValue, Written } from './history.ts';
import { type BusName, countOnBus } from './tradeoffs/bus-streamer.ts';
import { Rig } from './tradeoffs/rig.ts';

type Env = Readonly<Record<string, string>>;

/** One installation that dispatches jobs of four keys, and what became of them. */
class Moving {
  readonly rig = new Rig('kafka_outbox', { partitions: 3, leaseSeconds: 120 });
  readonly #ran: SeenValue[] = [];
  /** Closed, it keeps in the broker what is dispatched meanwhile. */
  readonly #gate = new Gate();
  /** Handlers before the gate. */
  #waiting = 0;

  constructor() {
    this.rig.onRun = async ({ payload }) => {
      this.#waiting += 1;
      await this.#gate.passed();
      this.#waiting -= 1;
      const { key, value } = payload as { key: string; value: string };
      this.#ran.push({ key, value });
    };
  }

  load() {
    return this.rig.load(4, (client, nth) => ({
      partition_key: `key-${client}`,
      payload: { key: `key-${client}`, value: `key-${client}#${nth}` },
    }));
  }

  async progress(
    jobs: number,
    of: () => Promise<number> | number = () => this.rig.completed(),
  ): Promise<void> {
    const until = (await of()) + jobs;
    await waitFor(async () => (await of()) >= until, { within: 60_000, what: `${jobs} more jobs` });
  }

  /** What an operator types, with the environment of the processes on the old side. */
  drain(env: Env, timeout: string) {
    return millrace(['dispatch', 'drain', '--timeout', timeout], { env: { ...this.rig.relayEnv(), ...env } });
  }

  /** Moves while handlers stand still, so that there is something to be left behind. */
  async behind(env: Env, move: () => Promise<void>): Promise<void> {
    const open = this.#gate.close();
    try {
      await this.progress(40, () => this.rig.accepted.size);
      await waitFor(() => this.#waiting > 0, { within: 60_000, what: 'a handler to stand still' });
      await move();
      await this.progress(40, () => this.rig.accepted.size);
      const early = this.drain(env, '1ms');
      expect([await early.ended, early.output()]).toEqual([1, expect.stringContaining(this.rig.type)]);
    } finally {
      open();
    }
    const drained = this.drain(env, '60s');
    expect([await drained.ended, drained.output()]).toEqual([0, expect.stringContaining('nothing waits')]);
  }

  /** Each accepted job has run once, and each dispatch went to one broker, once. */
  async check(order: 'kept' | 'free', [name, env]: readonly [BusName, Env]): Promise<void> {
    // Those too whose answer was lost: what was accepted is what stands in the table.
    await waitFor(async () => (await this.#open()) === 0, { within: 120_000, what: 'every job to end' });
    const { rows } = await this.rig.pool.query<{ id: string; value: string; fine: boolean }>(
      `select id, payload::jsonb ->> 'value' as value, status = 'completed' and attempt = 1 as fine from jobs`,
    );
    expect(rows.filter(({ fine }) => !fine)).toEqual([]);
    const written = new Written();
    for (const { value } of rows) written.committed.add(value);
    checkHistory(written, this.#ran, { duplicates: 0, left: await this.#left(), order });
    const { database } = this.rig.api;
    const onBus = await countOnBus(name, database.dsn, env, this.rig.topic);
    const onKafka = await this.#onKafka();
    expect(Math.min(onBus, onKafka)).toBeGreaterThanOrEqual(100);
    expect(onBus + onKafka).toBe(rows.length);
  }

  async #open(): Promise<number> {
    const { rows } = await this.rig.pool.query<{ count: number }>(
      `select count(*)::integer as count from jobs where status not in ('completed', 'dead_letter')`,
    );
    return rows[0]?.count ?? -1;
  }

  async #left(): Promise<number> {
    await waitFor(async () => (await this.rig.backlog()) === 0, { within: 30_000, what: 'an empty outbox' });
    return this.rig.backlog();
  }

  async #onKafka(): Promise<number> {
    const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(this.rig.topic));
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  }
}

await describeWithServer(
  'with NATS',
  (dir) => startNats({ dir }),
  (nats) => {
    describeKafka('moving what jobs are dispatched through, from Kafka to NATS', () => {
      const moving = new Moving();
      const { rig } = moving;

      test('with the workers of both side by side: every accepted job completes, and each ran once', {
        timeout: 300_000,
      }, async () => {
        const env = { WE_EVENT_BUS: 'nats', WE_NATS_URL: nats().url };
        const oldRelay = await rig.relay();
        const oldWorker = await rig.kafkaWorker();
        const load = moving.load();
        await moving.progress(100);

        await moving.behind({}, async () => {
          await rig.busWorker('nats', env);
          await oldRelay.stop();
          await rig.relay(env);
        });
        await oldWorker.stop();
        await moving.progress(100);
        await load.stop();

        await moving.check('free', ['nats', env]);
      });
    });
  },
);

describeKafka('moving what jobs are dispatched through, from pgchannel to Kafka', () => {
  const moving = new Moving();
  const { rig } = moving;

  test('with the new workers after the old ones: each job ran once, and those of a key in their order', {
    timeout: 300_000,
  }, async () => {
    const env = { WE_EVENT_BUS: 'pgchannel' };
    const oldRelay = await rig.relay(env);
    const oldWorker = await rig.busWorker('pgchannel');
    const load = moving.load();
    await moving.progress(100);

    await moving.behind(env, async () => {
      await oldRelay.stop();
      await rig.relay();
    });
    await oldWorker.stop();
    await rig.kafkaWorker();
    await moving.progress(100);
    await load.stop();

    await moving.check('kept', ['pgchannel', {}]);
  });
});
