import type { MSKEvent, MSKRecord } from 'aws-lambda';
import { expect, test } from 'vitest';
import { readKafkaConfig } from '../../../adapters/kafka/config.ts';
import { createKafkaStreamer } from '../../../adapters/kafka/event-streamer.ts';
import { systemClock } from '../../../adapters/system/clock.ts';
import { startMskEventSource } from '../../../cli/dev/msk-event-source.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { StepId } from '../../../events/ids.ts';
import { jobTopic } from '../../../events/topics.ts';
import { createTopics, describeKafka, kafkaBrokers, uniqueTopic } from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';

function streamerOfTest() {
  return createKafkaStreamer(
    readKafkaConfig({ WE_KAFKA_TRANSPORT: 'plaintext', WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(',') }),
  );
}

async function stepWith(values: readonly string[]): Promise<StepId> {
  const step = uniqueTopic('step') as StepId;
  const topic = jobTopic(step);
  await createTopics([topic]);
  const publisher = await streamerOfTest().publisher();
  const headers = [{ name: 'h', value: Buffer.from('hi') }];
  const key = Buffer.from('key');
  await publisher.publish(values.map((value) => ({ topic, key, value: Buffer.from(value), headers })));
  await publisher.close();
  return step;
}

function textsOf({ records }: MSKEvent): string[] {
  return Object.values(records)
    .flat()
    .map(({ value }) => Buffer.from(value, 'base64').toString());
}

/** Runs the source with a function that gives these answers in turn, then success, until it has seen so many events. */
async function eventsOf(step: StepId, count: number, answers: readonly ((event: MSKEvent) => unknown)[]) {
  const events: MSKEvent[] = [];
  const source = await startMskEventSource({
    streamer: streamerOfTest(),
    steps: [step],
    bootstrapServers: kafkaBrokers().join(','),
    batchSize: 100,
    batchWindowMs: 20,
    timeoutMs: 10_000,
    logger: silentLogger,
    clock: systemClock,
    invoke: async (event) => answers[events.push(event) - 1]?.(event),
  });
  try {
    await waitFor(() => events.length >= count, { within: 30_000, what: `${count} events` });
  } finally {
    await source.stop();
  }
  return events;
}

describeKafka('the local MSK event source', () => {
  test('invokes with the event that Lambda would send', async () => {
    const step = await stepWith(['a']);
    const topic = jobTopic(step);

    const [event] = await eventsOf(step, 1, []);

    const record: Partial<MSKRecord> = {
      topic,
      partition: 0,
      offset: 0,
      timestampType: 'CREATE_TIME',
      key: Buffer.from('key').toString('base64'),
      value: Buffer.from('a').toString('base64'),
      headers: [{ h: [104, 105] }],
    };
    expect(event).toMatchObject({ eventSource: 'aws:kafka', records: { [`${topic}-0`]: [record] } });
  });

  test('commits what comes before the lowest failed record and brings the rest again', async () => {
    const step = await stepWith(['0', '1', '2', '3']);
    const failure = (offset: number) => ({
      itemIdentifier: { partition: `${jobTopic(step)}-0`, offset },
    });

    const events = await eventsOf(step, 2, [() => ({ batchItemFailures: [failure(3), failure(2)] })]);

    expect(events.map(textsOf)).toEqual([
      ['0', '1', '2', '3'],
      ['2', '3'],
    ]);
  });

  test('brings the whole batch again after a rejection, and after an answer that it does not understand', async () => {
    const step = await stepWith(['0', '1']);

    const events = await eventsOf(step, 4, [
      () => Promise.reject(new Error('the function failed')),
      () => ({ batchItemFailures: [{ itemIdentifier: 'not an object' }] }),
      () => ({ batchItemFailures: 'not a list' }),
    ]);

    expect(events.map(textsOf)).toEqual(Array.from({ length: 4 }, () => ['0', '1']));
  });

  test('begins after what an earlier source has finished', async () => {
    const step = await stepWith(['old']);
    await eventsOf(step, 1, []);
    const publisher = await streamerOfTest().publisher();
    const record = { topic: jobTopic(step), key: Buffer.from('key'), value: Buffer.from('new'), headers: [] };
    await publisher.publish([record]);
    await publisher.close();

    const events = await eventsOf(step, 1, []);

    expect(events.map(textsOf)).toEqual([['new']]);
  });
});
