import * as z from 'zod';
import { limits } from '../../engine/deps.ts';
import { maxRetries, pageFields, retrySettings, stepId, text, uuid } from './fields.ts';
import { onBehalf } from './lifecycle-requests.ts';

/** What the endpoints of workflows and their definitions take. */

const step = z.strictObject({
  name: text(255).meta({ description: 'Unique in the workflow; later steps find the result under it.' }),
  type: stepId,
  payload: z
    .record(z.string(), z.unknown())
    .nullish()
    .meta({ description: 'An object without a key `outputs`, which is added; `{}` unless given.' }),
  max_retries: maxRetries,
  retry: retrySettings.optional(),
});

const foreignId = text(255).optional().meta({ description: 'Your own key of this run.' });

const inlineWorkflow = z.strictObject({
  name: text(255),
  steps: z.array(step).min(1).max(limits.workflowSteps),
  foreign_id: foreignId,
});

export type InlineWorkflowBody = z.infer<typeof inlineWorkflow>;

const variables = z
  .record(z.string(), z.unknown())
  .optional()
  .meta({ description: 'An object; kept byte for byte, 256 KB with what is there already.' });

const definitionId = text(256).meta({ description: 'Of an uploaded definition.' });
const version = z
  .int()
  .min(1)
  .max(2_147_483_647)
  .optional()
  .meta({ description: 'The latest unless given.' });

const definedWorkflow = z.strictObject({
  definition: definitionId,
  version,
  input: variables,
  foreign_id: foreignId,
});

export const workflowRequest = z
  .union([inlineWorkflow, definedWorkflow])
  .meta({ id: 'WorkflowRequest', description: 'Its own steps, one after the other; or a definition.' });

export type WorkflowBody = z.infer<typeof workflowRequest>;

export const workflowBatchRequest = z.strictObject({
  workflows: z.array(workflowRequest).min(1).max(limits.batchJobs),
});

/** Only looked into by the engine, which names every fault by its step. */
export const definitionRequest = z
  .looseObject({ id: z.unknown(), name: z.unknown(), steps: z.unknown() })
  .meta({ id: 'WorkflowDefinition', description: 'The graph of a workflow: see docs/guide/workflows.md.' });

export const definitionListQuery = z.strictObject({
  keyword: text(255).optional().meta({ description: 'In the id or name, in upper or lower case.' }),
  after: text(256).optional().meta({ description: 'The last id of the page before.' }),
  limit: pageFields.limit,
});

export const definitionQuery = z.strictObject({
  version: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'is not a version')
    .transform(Number)
    .optional()
    .meta({ override: { type: 'integer', minimum: 1 } }),
});

export const signalRequest = z.strictObject({ step: text(255), variables, ...onBehalf });
export const stepRequest = z.strictObject({ variables, ...onBehalf });
export const onBehalfRequest = z.strictObject(onBehalf);

export const userTaskQuery = z.strictObject({
  workflow_id: uuid.optional(),
  step: text(255).optional(),
  limit: pageFields.limit,
});
