import { beforeAll, expect, test } from 'vitest';
import { describeKafka } from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Rig } from './rig.ts';

const rig = new Rig('kafka_outbox', { partitions: 0 });
const LIMIT = 20_000;

describeKafka('a payload that the topic does not take', () => {
  beforeAll(() => rig.createTopic(1, { 'max.message.bytes': String(LIMIT) }));

  test('makes its job a dead letter that names the limit; its neighbours in the batch complete', async () => {
    await rig.relay();
    await rig.kafkaWorker();
    const before = await rig.enqueue(20);
    const [large = ''] = await rig.enqueue(1, { payload: { text: 'x'.repeat(2 * LIMIT) } });
    const after = await rig.enqueue(20);
    await waitFor(async () => (await rig.statuses())['dead_letter'] === 1, {
      within: 30_000,
      what: 'the dead letter',
    });
    await waitFor(async () => (await rig.completed()) === before.length + after.length, {
      within: 30_000,
      what: 'the others to complete',
    });
    const { json } = await rig.api.get(`/api/v1/jobs/${large}`);
    expect(json['status']).toBe('dead_letter');
    expect(String(json['last_error'])).toMatch(/large|size|max\.message\.bytes/i);
    expect(rig.runs.get(large)).toBeUndefined();
  });

  test('in polling mode there is no such limit: queued again there, the same job runs', async () => {
    const [large] = [...rig.accepted].filter((id) => !rig.runs.has(id));
    await rig.switchTo('polling');
    expect((await rig.api.post(`/api/v1/jobs/${large}/retry`, {})).status).toBe(200);
    await rig.pollingWorker();
    await rig.drained();
    expect(rig.ranTwice()).toEqual([]);
  });
});
