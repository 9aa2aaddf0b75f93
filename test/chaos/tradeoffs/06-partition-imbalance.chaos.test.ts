import { expect, test } from 'vitest';
import { describeKafka, withAdmin } from '../../helpers/kafka.ts';
import { seriesValue } from '../../helpers/prometheus.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 4 });
const HOT = 'a-customer-with-everything';

describeKafka('one key that has most of the jobs', () => {
  test('fills its own partition and holds up its own jobs only, which the lag shows; they run in order', {
    timeout: 120_000,
  }, async () => {
    const release = Promise.withResolvers<void>();
    const order: string[] = [];
    rig.onRun = async ({ id, partitionKey }) => {
      if (partitionKey !== HOT) return;
      await release.promise;
      order.push(id);
    };
    const relay = await rig.relay();
    await rig.kafkaWorker();
    const hot = await rig.enqueue(200, { partition_key: HOT });
    const ends = await waitFor(
      async () => {
        const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(rig.topic));
        return offsets.reduce((sum, { high }) => sum + Number(high), 0) >= 200 && offsets;
      },
      { within: 30_000, what: 'the jobs of the key to be published' },
    );
    expect(ends.map(({ high }) => Number(high)).filter((count) => count > 0)).toEqual([200]);

    const partition = ends.find(({ high }) => Number(high) === 200)?.partition;
    const others = await rig.enqueue(40);
    // Those that share the partition wait behind the key; the other three quarters do not.
    await waitFor(async () => (await rig.completed()) > 10, {
      within: 30_000,
      what: 'other keys to complete',
    });
    expect(partition).toBeDefined();
    const lag = async () =>
      seriesValue(await relay.metrics(), 'workflow_engine_kafka_consumer_lag_seconds', { topic: rig.topic });
    await waitFor(async () => ((await lag()) ?? 0) > 0, { within: 20_000, what: 'the lag to show' });
    release.resolve();
    await rig.drained();
    expect(order).toEqual(hot);
    expect(rig.runs.size).toBe(hot.length + others.length);
    expect(rig.ranTwice()).toEqual([]);
  });
});
