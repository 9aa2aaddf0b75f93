import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KafkaServer, startKafka } from '../../../cli/dev/backends/kafka.ts';
import { describeKafka } from '../../helpers/kafka.ts';
import { seriesValue } from '../../helpers/prometheus.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

let kafka: KafkaServer | undefined;
let dir = '';
const rig = new Rig('kafka_outbox', { brokers: () => kafka?.brokers ?? [] });

// "Kafka down = dispatch stops, but engine write path still works (outbox keeps accepting rows)."
describeKafka('a broker outage', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'millrace-outage-'));
    kafka = await startKafka({ dir });
    await rig.createTopic(1);
  });

  afterAll(async () => {
    await kafka?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  test('stops dispatch and no write; what was accepted meanwhile completes once it is over', {
    timeout: 180_000,
  }, async () => {
    const relay = await rig.relay();
    const worker = await rig.kafkaWorker();
    await rig.enqueue(50);
    await rig.drained();

    await kafka?.killBroker(0);
    for (let n = 0; n < 5; n += 1) await rig.enqueue(20);
    await waitFor(async () => (await rig.backlog()) >= 100, { within: 30_000, what: 'the outbox to fill' });
    expect(await rig.completed()).toBe(50);
    await waitFor(async () => (await relay.metrics()).get('workflow_engine_dispatch_relay_leader'), {
      within: 10_000,
      what: 'the relay to answer while the broker is away',
    });

    await kafka?.restartBroker(0);
    await rig.drained(90_000);
    expect(rig.ranTwice()).toEqual([]);
    await waitFor(
      async () => seriesValue(await relay.metrics(), 'workflow_engine_dispatch_outbox_backlog') === 0,
      { within: 30_000, what: 'the backlog to be 0' },
    );
    await worker.stop();
    await relay.stop();
  });
});
