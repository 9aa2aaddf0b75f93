import * as z from 'zod';
import { jobStatuses } from '../../engine/job.ts';
import { instanceStatuses } from '../../engine/workflow/state.ts';
import { anyJson, retrySettings } from './fields.ts';

/** What the endpoints of workflows and their definitions answer. */

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC.' });
const id = z.uuid();

const workflowShape = {
  id,
  name: z.string(),
  definition: z
    .strictObject({ id: z.string(), version: z.int() })
    .nullable()
    .meta({ description: 'What it runs; null for a workflow sent with its steps.' }),
  foreign_id: z.string().nullable(),
  status: z.enum(instanceStatuses),
  current_step: z.int().meta({ description: 'Steps declared before the first that is under way.' }),
  total_steps: z.int(),
  created_at: time,
};

export const startedWorkflow = z.strictObject(workflowShape).meta({ id: 'StartedWorkflow' });

export const startedWorkflows = z.strictObject({ workflows: z.array(startedWorkflow) });

const summaryShape = {
  ...workflowShape,
  updated_at: time,
  completed_at: time.nullable(),
  failure_reason: z.string().nullable(),
};

export const workflowPage = z.strictObject({
  workflows: z.array(z.strictObject(summaryShape)),
  next_cursor: z.string().nullable().meta({ description: 'For the next page; null at the end.' }),
});

const step = z.strictObject({
  name: z.string(),
  id: z.string(),
  kind: z.string().meta({ description: 'SERVICE_TASK, DECISION and so on.' }),
  type: z.string().nullable().meta({ description: 'The job type of a service task.' }),
  payload: anyJson,
  max_retries: z.int(),
  retry: retrySettings.nullable(),
  status: z
    .string()
    .meta({ description: 'Of the last time it was entered; `pending` for a step not begun.' }),
  job_id: id.nullable(),
  attempt: z.int(),
  output: anyJson,
  started_at: time.nullable(),
  completed_at: time.nullable(),
  error: z.string().nullable(),
});

const timelineEntry = z.strictObject({
  activation: z.int().meta({ description: 'The number of this entry into the step.' }),
  step: z.string(),
  type: z.string(),
  status: z.enum(['running', 'completed', 'failed', 'cancelled', 'interrupted', 'fired']),
  started_at: time,
  ended_at: time.nullable(),
  reason: z.string().nullable(),
  job_id: id.nullable(),
  job_status: z.enum(jobStatuses).nullable(),
  attempt: z.int(),
  worker_id: z.string().nullable(),
  output: anyJson,
});

export const workflow = z
  .strictObject({
    ...summaryShape,
    variables: z.record(z.string(), z.unknown()),
    steps: z.array(step),
    timeline: z
      .array(timelineEntry)
      .meta({ description: 'All it has done and does, in the order of beginning.' }),
  })
  .meta({ id: 'Workflow' });

const definitionShape = { id: z.string(), version: z.int(), name: z.string(), uploaded_at: time };

export const definition = z.strictObject(definitionShape).meta({ id: 'StoredDefinition' });
export const definitionDetail = z
  .strictObject({ ...definitionShape, document: z.record(z.string(), z.unknown()) })
  .meta({ id: 'StoredDefinitionDetail' });
export const definitionPage = z.strictObject({
  definitions: z.array(definition),
  next_after: z.string().nullable().meta({ description: 'For `after` of the next page; null at the end.' }),
});

export const userTasks = z.strictObject({
  user_tasks: z.array(
    z.strictObject({
      workflow_id: id,
      activation: z.int(),
      step: z.string(),
      name: z.string(),
      workflow: z.string(),
      foreign_id: z.string().nullable(),
      opened_at: time,
    }),
  ),
});
