import { defineEndpoint } from '../endpoint.ts';
import { workflowNotFound } from '../refusals.ts';
import { workflow } from '../workflow-replies.ts';
import { workflowText } from '../workflow-views.ts';

export const getWorkflow = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    id: 'workflow',
    replies: {
      200: { description: 'The instance, each of its steps, and all it has done.', schema: workflow },
      404: { description: 'There is no such workflow.' },
    },
  },
  async ({ id }, app) => {
    const { deps } = app();
    const found = await deps.store.getInstance(id);
    if (!found) throw workflowNotFound(id);
    return { status: 200, body: await workflowText(deps.store, found) };
  },
);

export const { handler } = getWorkflow;
