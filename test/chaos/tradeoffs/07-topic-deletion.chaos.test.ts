import { expect, test } from 'vitest';
import type { LogFields } from '../../../engine/ports/logger.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { describeKafka, withAdmin } from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 2 });

describeKafka('a topic that is deleted with jobs in it', () => {
  test('is named in the log and not made again by itself; once it is back, every job completes', {
    timeout: 180_000,
  }, async () => {
    const errors: LogFields[] = [];
    const logger = {
      ...silentLogger,
      error: (_: string, fields: LogFields = {}) => void errors.push(fields),
    };
    await rig.relay({ WE_RELAY_LOST_DISPATCH_AFTER: '2s' }, logger);
    await rig.enqueue(30);
    await waitFor(async () => (await rig.backlog()) === 0, {
      within: 30_000,
      what: 'the jobs to be published',
    });
    // They are in the topic alone now, as far as Kafka is concerned; the job table has them still.
    await withAdmin((admin) => admin.deleteTopics({ topics: [rig.topic] }));
    await rig.enqueue(30);
    await waitFor(() => errors.some(({ error }) => JSON.stringify(error).includes('topic_missing')), {
      within: 60_000,
      what: 'the relay to name the missing topic',
    });
    expect(await withAdmin((admin) => admin.listTopics())).not.toContain(rig.topic);
    expect(await rig.backlog()).toBeGreaterThanOrEqual(30);

    await rig.createTopic(2);
    await rig.kafkaWorker();
    await rig.drained(90_000);
    expect(rig.ranTwice()).toEqual([]);
  });
});
