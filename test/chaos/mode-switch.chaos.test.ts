import { expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { Rig } from './tradeoffs/rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 3 });

/** So many more of them. */
async function progress(jobs: number): Promise<void> {
  const until = (await rig.completed()) + jobs;
  await waitFor(async () => (await rig.completed()) >= until, {
    within: 40_000,
    what: `${jobs} more to complete`,
  });
}

describeKafka('switching the dispatch mode under load', () => {
  test('Kafka to polling and back: every accepted job completes, and each ran once', {
    timeout: 180_000,
  }, async () => {
    let relay = await rig.relay();
    let worker = await rig.kafkaWorker();
    const load = rig.load();
    await progress(150);

    // Back to polling: the relay stops, and what it left in the outbox is history.
    await rig.switchTo('polling');
    await relay.stop();
    const poller = await rig.pollingWorker();
    await progress(150);
    await worker.stop();
    await progress(100);

    // Forth again: the leader dispatches what is queued when it begins.
    await rig.switchTo('kafka_outbox');
    relay = await rig.relay();
    await poller.stop();
    worker = await rig.kafkaWorker();
    await progress(150);
    await load.stop();
    await rig.drained();

    expect(rig.accepted.size).toBeGreaterThan(500);
    expect(rig.ranTwice()).toEqual([]);
    const { rows } = await rig.pool.query('select id from jobs where attempt <> 1 or status <> $1', [
      'completed',
    ]);
    expect(rows).toEqual([]);
    await waitFor(async () => (await rig.backlog()) === 0, {
      within: 30_000,
      what: 'the outbox to be empty',
    });
  });
});
