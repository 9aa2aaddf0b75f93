import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeDispatch,
  dispatchKey,
  dispatchMessage,
  type JobDispatch,
  UndecodableDispatch,
} from '../../../events/dispatch.ts';
import { encodeDispatch } from '../../../events/encode-dispatch.ts';
import type { InstanceId, JobId, StepId } from '../../../events/ids.ts';
import { readWire, type WireField } from './wire-reader.ts';

const jobId = '019a0000-0000-7000-8000-000000000001' as JobId;
const instanceId = '019a0000-0000-7000-8000-000000000002' as InstanceId;

const dispatch: JobDispatch = {
  dedupId: `${jobId}.1`,
  jobId,
  instanceId,
  stepIndex: 2,
  type: 'send-email' as StepId,
  attempt: 1,
  retriesRemaining: 3,
  payload: '{"to":"a@example.com", "n":12345678901234567890}',
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
};

describe('a dispatch', () => {
  it('is read back as it was written', () => {
    expect(decodeDispatch(encodeDispatch(dispatch))).toEqual(dispatch);
  });

  it('of a job that stands alone has no instance and no step', () => {
    const alone = { ...dispatch, instanceId: undefined, stepIndex: undefined };
    expect(decodeDispatch(encodeDispatch(alone))).toEqual(alone);
  });

  it('keeps any payload byte for byte', () => {
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 0, max: 1000 }), (payload, retriesRemaining) => {
        const other = { ...dispatch, payload, retriesRemaining };
        expect(decodeDispatch(encodeDispatch(other))).toEqual(other);
      }),
    );
  });

  it('has on the wire the numbers and types that workers in other languages look for', () => {
    const fields = new Map(readWire(encodeDispatch(dispatch)).map((field) => [field.number, field]));
    expect(numberOf(fields.get(1))).toBe(1n);
    expect(textOf(fields.get(2))).toBe(`${jobId}.1`);
    expect(textOf(fields.get(10))).toBe(jobId);
    expect(textOf(fields.get(11))).toBe(instanceId);
    expect(textOf(fields.get(12))).toBe(`${instanceId}.2`);
    expect(textOf(fields.get(13))).toBe('send-email');
    expect(numberOf(fields.get(20))).toBe(3n);
    expect(textOf(fields.get(30))).toBe(dispatch.payload);
    const createdAt = readWire(bytesOf(fields.get(40)));
    expect(createdAt.map(numberOf)).toEqual([BigInt(Date.UTC(2026, 0, 2, 3, 4, 5) / 1000), 678_000_000n]);
    expect([...fields.keys()].filter((number) => number < 50)).toEqual([1, 2, 10, 11, 12, 13, 20, 30, 40]);
  });

  it('from a newer sender may hold fields that are not known here', () => {
    const extended = Buffer.concat([encodeDispatch(dispatch), Buffer.from([0x9a, 0x06, 1, 0x41])]);
    expect(decodeDispatch(extended)).toEqual(dispatch);
  });
});

describe('a value that is no dispatch', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'schema_version is 0'],
    ['text', Buffer.from('{"job":1}'), 'not a JobDispatchEvent'],
    ['another version', encoded([1, 2]), 'schema_version is 2, this worker reads 1'],
    ['no job id', encoded([1, 1]), 'job_id is not a UUID: ""'],
  ])('is refused with the reason: %s', (_, value, reason) => {
    expect(() => decodeDispatch(value)).toThrow(reason);
  });

  it('is refused when its type could not name a topic', () => {
    const bad = encodeDispatch({ ...dispatch, type: 'no spaces' as StepId });
    expect(() => decodeDispatch(bad)).toThrow('job_type is not a step id: "no spaces"');
  });

  it('is refused with UndecodableDispatch whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        expect(() => decodeDispatch(garbage)).toThrow(UndecodableDispatch);
      }),
    );
  });
});

describe('the key of a dispatch', () => {
  it('is the instance, else the partition key, else the job', () => {
    expect(dispatchKey({ id: jobId, instanceId, partitionKey: 'p' })).toBe(instanceId);
    expect(dispatchKey({ id: jobId, partitionKey: 'p' })).toBe('p');
    expect(dispatchKey({ id: jobId })).toBe(jobId);
  });

  it('stands in the message, with the message id and the trace in its headers', () => {
    const message = dispatchMessage(dispatch, { traceparent: '00-abc' });
    expect(message.key.toString()).toBe(instanceId);
    expect(message.headers.map(({ name, value }) => [name, value.toString()])).toEqual([
      ['dedup-id', dispatch.dedupId],
      ['traceparent', '00-abc'],
    ]);
  });
});

/** schema_version and nothing else. */
function encoded([, version]: readonly [1, number]): Buffer {
  return Buffer.from([0x08, version]);
}

function numberOf(field: WireField | undefined): bigint | undefined {
  return field?.type === 'varint' ? field.value : undefined;
}

function bytesOf(field: WireField | undefined): Buffer {
  if (field?.type !== 'bytes') throw new Error(`not a field of bytes: ${JSON.stringify(field?.number)}`);
  return field.value;
}

function textOf(field: WireField | undefined): string {
  return bytesOf(field).toString('utf8');
}
