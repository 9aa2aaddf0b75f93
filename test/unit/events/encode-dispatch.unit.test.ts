import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobDispatch } from '../../../events/dispatch.ts';
import { encodeDispatch } from '../../../events/encode-dispatch.ts';
import { JobDispatchEventSchema } from '../../../events/generated/millrace/v1/job_dispatch_event_pb.ts';
import type { InstanceId, JobId, StepId } from '../../../events/ids.ts';

/** What the generated code makes of it. */
function generated(dispatch: JobDispatch): Uint8Array {
  const { instanceId, stepIndex, type, payload, createdAt, ...rest } = dispatch;
  const event = create(JobDispatchEventSchema, {
    ...rest,
    schemaVersion: 1,
    instanceId: instanceId ?? '',
    stepExecutionId: instanceId ? `${instanceId}.${stepIndex ?? 0}` : '',
    jobType: type,
    jobPayload: Buffer.from(payload),
    createdAt: timestampFromDate(createdAt),
  });
  return toBinary(JobDispatchEventSchema, event);
}

const int32 = fc.oneof(fc.constantFrom(0, 1, 127, 128, -1, 2_147_483_647, -2_147_483_648), fc.integer());

const dispatches: fc.Arbitrary<JobDispatch> = fc.record({
  dedupId: fc.string({ unit: 'grapheme' }),
  jobId: fc.uuid().map((id) => id as JobId),
  instanceId: fc.option(
    fc.uuid().map((id) => id as InstanceId),
    { nil: undefined },
  ),
  stepIndex: fc.option(fc.nat(), { nil: undefined }),
  type: fc.string({ maxLength: 300 }).map((type) => type as StepId),
  attempt: int32,
  retriesRemaining: int32,
  payload: fc.oneof(fc.json(), fc.string({ unit: 'binary', maxLength: 20_000 })),
  createdAt: fc.oneof(
    fc.constantFrom(new Date(0), new Date(-1), new Date(999)),
    fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  ),
});

test('the bytes of any dispatch are those of the generated code', () => {
  fc.assert(
    fc.property(dispatches, (dispatch) => {
      expect(encodeDispatch(dispatch).equals(generated(dispatch))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
