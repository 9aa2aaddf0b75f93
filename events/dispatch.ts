import { fromBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { encodeDispatch, SCHEMA_VERSION } from './encode-dispatch.ts';
import { JobDispatchEventSchema } from './generated/millrace/v1/job_dispatch_event_pb.ts';
import { header } from './headers.ts';
import { type InstanceId, isStepId, isUuid, type JobId, type StepId } from './ids.ts';
import type { PackedHeader, PackedMessage } from './pack.ts';

/** One dispatch of a job: what a worker needs to claim it, and the payload so that it can start at once. */
export interface JobDispatch {
  readonly dedupId: string;
  readonly jobId: JobId;
  readonly instanceId: InstanceId | undefined;
  readonly stepIndex: number | undefined;
  readonly type: StepId;
  readonly attempt: number;
  readonly retriesRemaining: number;
  /** JSON text, byte for byte as accepted. */
  readonly payload: string;
  readonly createdAt: Date;
}

/** Thrown for a record whose value is not a JobDispatchEvent. Such a record is recorded and passed over. */
export class UndecodableDispatch extends Error {
  override readonly name = 'UndecodableDispatch';
  readonly code = 'undecodable_dispatch';
}

/**
 * @throws UndecodableDispatch when the bytes are not a JobDispatchEvent of a version this code knows, or lack what a
 *   claim needs; the message says which
 */
export function decodeDispatch(value: Uint8Array): JobDispatch {
  const event = parse(value);
  if (event.schemaVersion !== SCHEMA_VERSION) {
    throw new UndecodableDispatch(
      `schema_version is ${event.schemaVersion}, this worker reads ${SCHEMA_VERSION}`,
    );
  }
  if (!isUuid(event.jobId))
    throw new UndecodableDispatch(`job_id is not a UUID: "${event.jobId.slice(0, 64)}"`);
  if (!isStepId(event.jobType))
    throw new UndecodableDispatch(`job_type is not a step id: "${event.jobType.slice(0, 64)}"`);
  return {
    dedupId: event.dedupId,
    jobId: event.jobId as JobId,
    instanceId: event.instanceId === '' ? undefined : (event.instanceId as InstanceId),
    stepIndex: stepIndexOf(event.stepExecutionId),
    type: event.jobType,
    attempt: event.attempt,
    retriesRemaining: event.retriesRemaining,
    payload: Buffer.from(event.jobPayload).toString('utf8'),
    createdAt: event.createdAt ? timestampDate(event.createdAt) : new Date(0),
  };
}

function parse(value: Uint8Array) {
  try {
    return fromBinary(JobDispatchEventSchema, value);
  } catch (error) {
    throw new UndecodableDispatch('the value is not a JobDispatchEvent', { cause: error });
  }
}

function stepIndexOf(stepExecutionId: string): number | undefined {
  const index = Number.parseInt(stepExecutionId.slice(stepExecutionId.lastIndexOf('.') + 1), 10);
  return Number.isNaN(index) ? undefined : index;
}

/** What decides a record's partition, and so its order: the instance, else the caller's partition key, else the job. */
export function dispatchKey(job: {
  id: JobId;
  instanceId?: InstanceId | undefined;
  partitionKey?: string | undefined;
}): string {
  return job.instanceId ?? job.partitionKey ?? job.id;
}

/** The message of one dispatch, ready to be packed. */
export function dispatchMessage(
  dispatch: JobDispatch,
  options: { partitionKey?: string | undefined; traceparent?: string | undefined } = {},
): PackedMessage {
  const headers: PackedHeader[] = [{ name: header.dedupId, value: Buffer.from(dispatch.dedupId) }];
  if (options.traceparent)
    headers.push({ name: header.traceparent, value: Buffer.from(options.traceparent) });
  const key = dispatchKey({
    id: dispatch.jobId,
    instanceId: dispatch.instanceId,
    partitionKey: options.partitionKey,
  });
  return { jobId: dispatch.jobId, key: Buffer.from(key), value: encodeDispatch(dispatch), headers };
}
