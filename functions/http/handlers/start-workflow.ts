import { startWorkflow as start, type WorkflowRequest } from '../../../engine/commands/start-workflow.ts';
import type { NewInstance } from '../../../engine/commit.ts';
import type { App } from '../../compose.ts';
import { requireKnownTypes, traceparentOf } from '../accept.ts';
import { acceptWithin } from '../accept-spans.ts';
import { defineEndpoint } from '../endpoint.ts';
import { cannotStart } from '../refusals.ts';
import { startedWorkflow } from '../workflow-replies.ts';
import { workflowRequest } from '../workflow-requests.ts';
import { nameOf, toWorkflowRequest, typesOf } from '../workflow-steps.ts';
import { startedWorkflowText } from '../workflow-views.ts';

export const startWorkflow = defineEndpoint(
  {
    scope: 'enqueue',
    forTenants: true,
    body: workflowRequest,
    replies: {
      201: { description: 'Committed, with the jobs it begins with.', schema: startedWorkflow },
      404: { description: 'There is no such definition.' },
      422: { description: 'The type of a step has no handler.' },
    },
  },
  async ({ body, text, event }, app) => {
    const { metrics, types } = app();
    const request = toWorkflowRequest(body, text);
    await requireKnownTypes(types, typesOf(request), (index) => `steps[${index}].type`);
    const instance = await acceptWithin(app(), {
      kind: 'workflow',
      names: [nameOf(request)],
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
  if (outcome.kind !== 'started') throw cannotStart(outcome, 'input');
  return outcome.instance;
}

export const { handler } = startWorkflow;
