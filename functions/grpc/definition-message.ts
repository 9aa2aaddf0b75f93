import { create, fromJson, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { DefinitionRecord } from '../../engine/workflow/definitions.ts';
import {
  type BoundaryEvent,
  BoundaryEventSchema,
  BoundaryEventType,
  StepType,
  type UploadDefinitionResponse,
  UploadDefinitionResponseSchema,
  type WorkflowDefinition,
  WorkflowDefinitionSchema,
  type WorkflowStep,
  WorkflowStepSchema,
} from '../../events/generated/workflow/v1/workflow_engine_pb.js';
import { isObject, stepTypeOf } from './messages.ts';

/** The document that REST would be given: what has its default value is left out. */
export function documentOf(definition: WorkflowDefinition): string {
  const { id, name, description, autoStartNextWorkflow, nextWorkflowId, steps, metadata } = definition;
  return JSON.stringify({
    id,
    name,
    ...given({ description, autoStartNextWorkflow, nextWorkflowId }),
    steps: steps.map(stepDocument),
    ...(metadata ? { metadata } : {}),
  });
}

function stepDocument(step: WorkflowStep): JsonObject {
  const { id, name, description, nextStep, joinStep, jobType, delegateClass, retryCount } = step;
  const transformations = Object.entries(step.transformations).map(([key, value]) => [
    key,
    toJson(ValueSchema, value),
  ]);
  return {
    id,
    name,
    type: StepType[step.type] ?? 'UNSPECIFIED',
    ...given({ description, nextStep, joinStep, jobType, delegateClass, retryCount }),
    ...given({ parallelNextSteps: step.parallelNextSteps }),
    ...given({ conditionalNextSteps: step.conditionalNextSteps }),
    ...given({ transformations: Object.fromEntries(transformations) as JsonObject }),
    ...given({ boundaryEvents: step.boundaryEvents.map(eventDocument) }),
  };
}

function eventDocument({ type, duration, interrupting, targetStepId }: BoundaryEvent): JsonObject {
  return { type: BoundaryEventType[type] ?? 'UNSPECIFIED', duration, interrupting, targetStepId };
}

/** Without what a proto3 message cannot tell from absent. */
function given(fields: Readonly<Record<string, JsonValue>>): JsonObject {
  const isGiven = (value: JsonValue) =>
    typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isGiven(value)));
}

export function uploadedMessage({ id, version, uploadedAt }: DefinitionRecord): UploadDefinitionResponse {
  return create(UploadDefinitionResponseSchema, { id, version, uploadedAt: timestampFromDate(uploadedAt) });
}

/** With its steps, as far as this protocol has fields for them. */
export function definitionMessage({ document, version }: DefinitionRecord): WorkflowDefinition {
  const value: unknown = JSON.parse(document);
  const fields = isObject(value) ? value : {};
  const { metadata } = fields;
  return create(WorkflowDefinitionSchema, {
    id: text(fields, 'id'),
    version,
    name: text(fields, 'name'),
    description: text(fields, 'description'),
    autoStartNextWorkflow: fields['autoStartNextWorkflow'] === true,
    nextWorkflowId: text(fields, 'nextWorkflowId'),
    steps: objects(fields, 'steps').map(stepMessage),
    ...(isObject(metadata) ? { metadata } : {}),
  });
}

function stepMessage(step: JsonObject): WorkflowStep {
  const { conditionalNextSteps, transformations, parallelNextSteps, retryCount } = step;
  const targets = Object.entries(isObject(conditionalNextSteps) ? conditionalNextSteps : {});
  const values = Object.entries(isObject(transformations) ? transformations : {});
  return create(WorkflowStepSchema, {
    id: text(step, 'id'),
    name: text(step, 'name'),
    type: stepTypeOf(text(step, 'type')),
    description: text(step, 'description'),
    nextStep: text(step, 'nextStep'),
    parallelNextSteps: Array.isArray(parallelNextSteps) ? parallelNextSteps.map(String) : [],
    joinStep: text(step, 'joinStep'),
    conditionalNextSteps: Object.fromEntries(targets.map(([when, to]) => [when, String(to)])),
    transformations: Object.fromEntries(values.map(([key, value]) => [key, fromJson(ValueSchema, value)])),
    jobType: text(step, 'jobType'),
    delegateClass: text(step, 'delegateClass'),
    retryCount: typeof retryCount === 'number' ? retryCount : 0,
    boundaryEvents: objects(step, 'boundaryEvents').map(eventMessage),
  });
}

function eventMessage(event: JsonObject): BoundaryEvent {
  return create(BoundaryEventSchema, {
    type: event['type'] === 'TIMER' ? BoundaryEventType.TIMER : BoundaryEventType.UNSPECIFIED,
    duration: text(event, 'duration'),
    interrupting: event['interrupting'] === true,
    targetStepId: text(event, 'targetStepId'),
  });
}

function text(fields: JsonObject, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}

function objects(fields: JsonObject, name: string): JsonObject[] {
  const value = fields[name];
  return Array.isArray(value) ? value.filter(isObject) : [];
}
