import { expect, test } from 'vitest';
import { describeKafka, readTopic } from '../../helpers/kafka.ts';
import { seriesValue } from '../../helpers/prometheus.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 2 });

describeKafka('a leader whose lock is gone while its process lives on', () => {
  test('publishes nothing more: records of a term never come after those of the next', {
    timeout: 120_000,
  }, async () => {
    const relays = [await rig.relay(), await rig.relay()];
    await rig.kafkaWorker();
    const leaders = async () => {
      const pages = await Promise.all(relays.map((relay) => relay.metrics()));
      return pages.map((page) => seriesValue(page, 'workflow_engine_dispatch_relay_leader') ?? 0);
    };
    const load = rig.load(2);
    for (let round = 1; round <= 3; round += 1) {
      const before = await rig.completed();
      await waitFor(async () => (await rig.completed()) > before + 20, { within: 30_000, what: 'progress' });
      // Lock and stream are of one session: what takes the lock away ends the stream.
      const { rowCount } = await rig.pool.query(
        `select pg_terminate_backend(pid) from pg_locks join pg_stat_activity using (pid)
         where locktype = 'advisory' and pg_locks.granted and backend_type = 'walsender' and datname = current_database()`,
      );
      expect(rowCount).toBeGreaterThanOrEqual(1);
    }
    await load.stop();
    await rig.drained();
    expect((await leaders()).filter((leads) => leads === 1)).toHaveLength(1);
    expect(rig.ranTwice()).toEqual([]);
    const records = await readTopic(rig.topic);
    for (const own of Map.groupBy(records, ({ partition }) => partition).values()) {
      const terms = own.map(({ headers }) => Number(String(headers['epoch'])));
      expect(terms).toEqual([...terms].sort((a, b) => a - b));
      expect(new Set(terms).size).toBeGreaterThan(1);
    }
  });
});
