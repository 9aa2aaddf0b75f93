import { create, fromJson, type JsonObject, toJson } from '@bufbuild/protobuf';
import { StructSchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { JobRecord } from '../../engine/job.ts';
import {
  InstanceStatus,
  type Job,
  JobSchema,
  type StepExecution,
  StepExecutionSchema,
  StepExecutionStatus,
  StepType,
  type WorkflowInstance,
  WorkflowInstanceSchema,
} from '../../events/generated/workflow/v1/workflow_engine_pb.js';
import { asVariables, bad } from '../http/rochallor/body.ts';
import { type ExecutionView, executionId } from '../rochallor/executions.ts';
import type { InstanceView } from '../rochallor/instance-view.ts';
import { retriesRemaining } from '../rochallor/jobs.ts';

/** Views as messages. The numbers of a Struct are doubles: that is the protocol's, and REST keeps them exact. */

export function instanceMessage(view: InstanceView): WorkflowInstance {
  return create(WorkflowInstanceSchema, {
    id: view.id,
    definitionId: view.definitionId,
    definitionVersion: view.definitionVersion,
    status: InstanceStatus[view.status],
    currentStepIds: [...view.currentStepIds],
    variables: structOf(view.variables),
    startedAt: timestampFromDate(view.startedAt),
    ...(view.completedAt ? { completedAt: timestampFromDate(view.completedAt) } : {}),
    failureReason: view.failureReason ?? '',
    businessKey: view.businessKey ?? '',
  });
}

export function executionMessage(view: ExecutionView): StepExecution {
  return create(StepExecutionSchema, {
    id: view.id,
    instanceId: view.instanceId,
    stepId: view.stepId,
    stepType: stepTypeOf(view.stepType),
    attemptNumber: view.attemptNumber,
    status: StepExecutionStatus[view.status],
    startedAt: timestampFromDate(view.startedAt),
    ...(view.endedAt ? { endedAt: timestampFromDate(view.endedAt) } : {}),
    failureReason: view.failureReason ?? '',
  });
}

export function jobMessage(job: JobRecord): Job {
  const { instanceId, stepIndex, leaseUntil } = job;
  return create(JobSchema, {
    id: job.id,
    jobType: job.type,
    instanceId: instanceId ?? '',
    stepExecutionId: instanceId === null ? '' : executionId(instanceId, stepIndex ?? 0),
    retriesRemaining: retriesRemaining(job),
    variables: structOf(job.payload),
    ...(leaseUntil ? { lockExpiresAt: timestampFromDate(leaseUntil) } : {}),
  });
}

/** UNSPECIFIED for those types that this protocol does not know. */
export function stepTypeOf(name: string): StepType {
  const found = Object.entries(StepType).find(([key]) => key === name);
  return typeof found?.[1] === 'number' ? found[1] : StepType.UNSPECIFIED;
}

/** Of a job's payload that is no object, nothing. */
function structOf(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  return toJson(StructSchema, fromJson(StructSchema, isObject(value) ? value : {})) as JsonObject;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON text of the variables in a request. @throws MillraceError `invalid_request` */
export function variablesText(struct: JsonObject | undefined): string {
  return asVariables(JSON.stringify(struct ?? {}), 'variables');
}

/** @throws MillraceError `invalid_request` naming the field */
export function required(value: string, field: string): string {
  if (value === '') throw bad(`${field} is required`);
  return value;
}
