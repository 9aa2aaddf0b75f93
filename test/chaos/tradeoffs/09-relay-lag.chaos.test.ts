import { expect, test } from 'vitest';
import { describeKafka } from '../../helpers/kafka.ts';
import { seriesValue } from '../../helpers/prometheus.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 2 });

// "Backpressure becomes observable. Consumer lag and outbox backlog are directly measurable and directly alertable."
describeKafka('a relay that is away while jobs come in', () => {
  test('shows as a backlog, then as lag, and then as nothing; no job needs it to be accepted', {
    timeout: 120_000,
  }, async () => {
    const before = await rig.relay();
    await before.stop();
    for (let n = 0; n < 5; n += 1) await rig.enqueue(400);
    expect(await rig.backlog()).toBe(2_000);

    const relay = await rig.relay({ WE_RELAY_UNCLEARED_MESSAGES: '50', WE_RELAY_BATCH_MESSAGES: '50' });
    const value = async (name: string) => seriesValue(await relay.metrics(), name) ?? 0;
    const lag = () => value('workflow_engine_kafka_consumer_lag_seconds');
    await waitFor(async () => (await lag()) > 0, { within: 30_000, what: 'lag: nobody consumes' });
    await waitFor(
      async () =>
        (await value('workflow_engine_dispatch_outbox_backlog')) === 0 && (await rig.backlog()) === 0,
      {
        within: 30_000,
        what: 'the backlog to be published',
      },
    );
    await rig.kafkaWorker();
    await rig.drained();
    await waitFor(async () => (await lag()) === 0, { within: 30_000, what: 'no lag' });
    expect(rig.ranTwice()).toEqual([]);
  });
});
