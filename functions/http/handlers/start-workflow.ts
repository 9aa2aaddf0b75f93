import { startWorkflow as start } from '../../../engine/commands/start-workflow.ts';
import { requireKnownTypes, traceparentOf } from '../accept.ts';
import { acceptWithin } from '../accept-spans.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { workflowRequest } from '../requests.ts';
import { startedWorkflowText } from '../views.ts';
import { toSteps } from '../workflow-steps.ts';

export const startWorkflow = defineEndpoint(
  {
    body: workflowRequest,
    replies: {
      201: { description: 'Committed, with the job of its first step.', schema: replies.startedWorkflow },
      422: { description: 'The type of a step has no handler.' },
    },
  },
  async ({ body, text, event }, app) => {
    const { deps, metrics, types } = app();
    const steps = toSteps(body, text);
    const wanted = steps.map(({ type }) => type);
    await requireKnownTypes(types, wanted, (index) => `steps[${index}].type`);
    const instance = await acceptWithin(app(), {
      kind: 'workflow',
      names: [body.name],
      event,
      accept: (own) => {
        const traceparent = own?.[0] ?? traceparentOf(event);
        return start(deps, { name: body.name, foreignId: body.foreign_id, steps, traceparent });
      },
      fieldsOf: ({ id }) => [{ 'millrace.workflow.id': id }],
    });
    metrics.enqueued([instance.firstJob.type]);
    return { status: 201, body: startedWorkflowText(instance) };
  },
);

export const { handler } = startWorkflow;
