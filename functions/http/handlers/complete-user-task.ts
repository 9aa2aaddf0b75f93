import { defineEndpoint } from '../endpoint.ts';
import { changed, variablesOf } from '../workflow-changes.ts';
import { workflow } from '../workflow-replies.ts';
import { stepRequest } from '../workflow-requests.ts';

export const completeUserTask = defineEndpoint(
  {
    scope: 'enqueue',
    forTenants: true,
    id: 'workflow',
    step: true,
    body: stepRequest,
    optionalBody: true,
    replies: {
      200: { description: 'The task is done, and the workflow goes on.', schema: workflow },
      404: { description: 'There is no such workflow, or no such step in it.' },
      409: { description: 'The workflow has ended, or is not where this applies.' },
    },
  },
  async (input, app) => {
    const { text, event } = input;
    const step = event.pathParameters?.['step'] ?? '';
    return changed(input, app().deps, { kind: 'taskCompleted', step, variables: variablesOf(text) });
  },
);

export const { handler } = completeUserTask;
