import { startWorkflow as start, type WorkflowRequest } from '../../../engine/commands/start-workflow.ts';
import { rawMembers } from '../../../engine/raw-json.ts';
import { requireKnownTypes, traceparentOf } from '../accept.ts';
import { defineEndpoint } from '../endpoint.ts';
import { invalidRequest } from '../problem.ts';
import { definitionNotFound } from '../refusals.ts';
import { startedWorkflow } from '../workflow-replies.ts';
import { workflowRequest } from '../workflow-requests.ts';
import { toSteps } from '../workflow-steps.ts';
import { startedWorkflowText } from '../workflow-views.ts';

export const startWorkflow = defineEndpoint(
  {
    body: workflowRequest,
    replies: {
      201: { description: 'Committed, with the jobs it begins with.', schema: startedWorkflow },
      404: { description: 'There is no such definition.' },
      422: { description: 'The type of a step has no handler.' },
    },
  },
  async ({ body, text, event }, app) => {
    const { deps, metrics, types } = app();
    const common = { foreignId: body.foreign_id, traceparent: traceparentOf(event) };
    let request: WorkflowRequest;
    if ('steps' in body) {
      const steps = toSteps(body, text);
      const wanted = steps.map(({ type }) => type);
      await requireKnownTypes(types, wanted, (index) => `steps[${index}].type`);
      request = { ...common, name: body.name, steps };
    } else {
      const { definition, version } = body;
      request = { ...common, definition, version, input: rawMembers(text).get('input') ?? '{}' };
    }
    const outcome = await start(deps, request);
    if (outcome.kind === 'bad_input') throw invalidRequest([{ field: 'input', message: outcome.reason }]);
    if (outcome.kind === 'unknown_definition') throw definitionNotFound(outcome.id, outcome.version);
    metrics.enqueued(outcome.instance.jobs.map(({ type }) => type));
    return { status: 201, body: startedWorkflowText(outcome.instance) };
  },
);

export const { handler } = startWorkflow;
