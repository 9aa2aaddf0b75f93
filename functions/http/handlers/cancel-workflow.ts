import { cancelWorkflow as cancel } from '../../../engine/commands/cancel.ts';
import { defineEndpoint } from '../endpoint.ts';
import { cancelRequest } from '../lifecycle-requests.ts';
import { workflowEnded, workflowNotFound } from '../refusals.ts';
import { workflow } from '../workflow-replies.ts';
import { workflowText } from '../workflow-views.ts';

export const cancelWorkflow = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    id: 'workflow',
    body: cancelRequest,
    optionalBody: true,
    replies: {
      200: {
        description: 'Cancelled with its open jobs: no step begins any more.',
        schema: workflow,
      },
      404: { description: 'There is no such workflow.' },
      409: { description: 'The workflow has ended already.' },
    },
  },
  async ({ id, body }, app) => {
    const { deps } = app();
    const outcome = await cancel(deps, id, body);
    if (outcome.kind === 'ended') throw workflowEnded(id, outcome.status);
    const found = outcome.kind === 'cancelled' ? await deps.store.getInstance(id) : undefined;
    if (!found) throw workflowNotFound(id);
    return { status: 200, body: await workflowText(deps.store, found) };
  },
);

export const { handler } = cancelWorkflow;
