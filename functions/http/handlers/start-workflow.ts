import { startWorkflow as start, type WorkflowRequest } from '../../../engine/commands/start-workflow.ts';
import type { NewInstance } from '../../../engine/commit.ts';
import { rawMembers } from '../../../engine/raw-json.ts';
import type { App } from '../../compose.ts';
import { requireKnownTypes, traceparentOf } from '../accept.ts';
import { acceptWithin } from '../accept-spans.ts';
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
    const { metrics, types } = app();
    let request: WorkflowRequest;
    if ('steps' in body) {
      const steps = toSteps(body, text);
      const wanted = steps.map(({ type }) => type);
      await requireKnownTypes(types, wanted, (index) => `steps[${index}].type`);
      request = { foreignId: body.foreign_id, name: body.name, steps };
    } else {
      const { definition, version, foreign_id: foreignId } = body;
      request = { foreignId, definition, version, input: rawMembers(text).get('input') ?? '{}' };
    }
    const instance = await acceptWithin(app(), {
      kind: 'workflow',
      names: ['steps' in request ? request.name : request.definition],
      event,
      accept: (own) => started(app(), { ...request, traceparent: own?.[0] ?? traceparentOf(event) }),
      fieldsOf: ({ id }) => [{ 'millrace.workflow.id': id }],
    });
    metrics.enqueued(instance.jobs.map(({ type }) => type));
    return { status: 201, body: startedWorkflowText(instance) };
  },
);

async function started({ deps }: App, request: WorkflowRequest): Promise<NewInstance> {
  const outcome = await start(deps, request);
  if (outcome.kind === 'bad_input') throw invalidRequest([{ field: 'input', message: outcome.reason }]);
  if (outcome.kind === 'unknown_definition') throw definitionNotFound(outcome.id, outcome.version);
  return outcome.instance;
}

export const { handler } = startWorkflow;
