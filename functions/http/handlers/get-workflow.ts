import { defineEndpoint } from '../endpoint.ts';
import { workflowNotFound } from '../refusals.ts';
import * as replies from '../replies.ts';
import { workflowText } from '../views.ts';

export const getWorkflow = defineEndpoint(
  {
    id: 'workflow',
    replies: {
      200: { description: 'The instance and each of its steps.', schema: replies.workflow },
      404: { description: 'There is no such workflow.' },
    },
  },
  async ({ id }, app) => {
    const found = await app().deps.store.getInstance(id);
    if (!found) throw workflowNotFound(id);
    return { status: 200, body: workflowText(found.instance, found.jobs) };
  },
);

export const { handler } = getWorkflow;
