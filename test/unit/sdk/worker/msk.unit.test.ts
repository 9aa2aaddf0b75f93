import { describe, expect, it } from 'vitest';
import type { IncomingRecord } from '../../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../../events/ids.ts';
import { readMskEvent } from '../../../../sdk/worker/msk-event.ts';
import { createMskHandler } from '../../../../sdk/worker/msk-handler.ts';
import { toBatchItemFailures } from '../../../../sdk/worker/partial-batch.ts';
import { FakeClock } from './fake-clock.ts';
import { createService, dispatched, jobOf, record, unavailable } from './fixtures.ts';

const one = {
  topic: 'jobs.v1',
  partition: 0,
  offset: 15,
  timestamp: 1_545_084_650_987,
  timestampType: 'CREATE_TIME',
  key: 'aGk=',
  value: 'AAH/',
  headers: [{ name: [104, 105] }, { other: [-1] }],
};

function event(records: unknown, eventSource = 'aws:kafka') {
  return { eventSource, eventSourceArn: 'arn:aws:kafka:…', bootstrapServers: 'b-1:9098', records };
}

describe('an event of the event source mapping', () => {
  it('becomes records with bytes', () => {
    expect(readMskEvent(event({ 'jobs.v1-0': [one] }))).toEqual([
      {
        topic: 'jobs.v1',
        partition: 0,
        offset: 15n,
        timestamp: 1_545_084_650_987,
        key: Buffer.from('hi'),
        value: Buffer.from([0, 1, 255]),
        headers: [
          { name: 'name', value: Buffer.from('hi') },
          { name: 'other', value: Buffer.from([255]) },
        ],
      },
    ]);
  });

  it('of self-managed Kafka may lack keys, values and headers', () => {
    const { key: _, headers: __, ...bare } = one;
    const [incoming] = readMskEvent(event({ 'jobs.v1-0': [{ ...bare, value: null }] }, 'SelfManagedKafka'));
    expect(incoming).toMatchObject({ key: null, value: null, headers: [] });
  });

  it.each([
    ['is not an object', null, 'the event must be an object'],
    ['comes from elsewhere', event({}, 'aws:sqs'), 'eventSource is "aws:sqs"'],
    ['has no records', event(undefined), 'records must be an object, but it is absent'],
    [
      'has an offset that is no number',
      event({ p: [{ ...one, offset: '15' }] }),
      'records["p"][0].offset must be a whole number',
    ],
    [
      'has a value that is no text',
      event({ p: [{ ...one, value: 5 }] }),
      'records["p"][0].value must be a string',
    ],
    [
      'has headers that are no arrays',
      event({ p: [{ ...one, headers: [{ a: 'b' }] }] }),
      'headers[0].a must be an array',
    ],
  ])('that %s is refused with the field at fault', (_, malformed, message) => {
    expect(() => readMskEvent(malformed)).toThrow(message);
  });
});

describe('the partial-batch response', () => {
  it('names the first failed offset of each partition', () => {
    const failed = [
      { partition: 0, offset: 17n },
      { partition: 0, offset: 15n },
      { partition: 3, offset: 2n },
    ];
    expect(toBatchItemFailures('jobs.v1' as Topic, { failed })).toEqual([
      { itemIdentifier: { partition: 'jobs.v1-0', offset: 15 } },
      { itemIdentifier: { partition: 'jobs.v1-3', offset: 2 } },
    ]);
  });
});

describe('the handler of an event source mapping', () => {
  function setUp(api: Parameters<typeof createService>[1] = {}) {
    const clock = new FakeClock();
    const service = createService(clock, api);
    const handlers = { noop: () => 'done' };
    const handler = createMskHandler({ handlers, apiUrl: 'http://unused', api: service.api, clock });
    const end = clock.now().getTime() + 60_000;
    const context = { getRemainingTimeInMillis: () => end - clock.now().getTime() };
    const invoke = (records: readonly IncomingRecord[]) =>
      clock.until(handler(event({ 'any-0': records.map(toWire) }), context));
    return { service, invoke, clock };
  }

  function toWire({ key, value, offset, ...rest }: IncomingRecord) {
    const text = (bytes: Buffer | null) => bytes?.toString('base64') ?? null;
    return { ...rest, offset: Number(offset), key: text(key), value: text(value), headers: [] };
  }

  it('answers with no failures when every job is completed, and leaves no timer', async () => {
    const { service, invoke, clock } = setUp();
    const incoming = await dispatched(service);
    expect(await invoke([incoming, record({ value: Buffer.from('x') })])).toEqual({ batchItemFailures: [] });
    expect((await jobOf(service, incoming.jobId)).status).toBe('completed');
    expect(clock.sleeping).toBe(0);
  });

  it('answers with where each topic and partition must resume', async () => {
    const { service, invoke } = setUp({ claim: () => Promise.reject(unavailable()) });
    const records = [await dispatched(service), await dispatched(service)];
    const other = { ...(await dispatched(service)), topic: 'workflow.jobs.other' as Topic };
    expect(await invoke([...records, other])).toEqual({
      batchItemFailures: [
        { itemIdentifier: { partition: 'workflow.jobs.noop-0', offset: Number(records[0]?.offset) } },
        { itemIdentifier: { partition: 'workflow.jobs.other-0', offset: Number(other.offset) } },
      ],
    });
  });
});
