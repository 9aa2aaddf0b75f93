import { expect, test } from 'vitest';
import { describeKafka } from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 4 });

describeKafka('a rebalance storm', () => {
  test('delays jobs, loses none, and runs none twice: a redelivered record finds its job claimed', {
    timeout: 240_000,
  }, async () => {
    await rig.relay();
    let last = await rig.kafkaWorker();
    const load = rig.load(2);
    // Each start and each stop makes the group share its partitions out anew, in the middle of its work.
    for (let round = 0; round < 4; round += 1) {
      const before = await rig.completed();
      const next = await rig.kafkaWorker();
      await waitFor(async () => (await rig.completed()) > before, { within: 40_000, what: 'progress' });
      await last.stop();
      last = next;
    }
    await load.stop();
    await rig.drained(120_000);
    expect(rig.ranTwice()).toEqual([]);
  });
});
