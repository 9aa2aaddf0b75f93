import { defineEndpoint } from '../endpoint.ts';
import { changed, variablesOf } from '../workflow-changes.ts';
import { workflow } from '../workflow-replies.ts';
import { signalRequest } from '../workflow-requests.ts';

export const signalWorkflow = defineEndpoint(
  {
    scope: 'enqueue',
    forTenants: true,
    id: 'workflow',
    body: signalRequest,
    replies: {
      200: {
        description: 'The signal was taken, at once or for when the step is reached.',
        schema: workflow,
      },
      404: { description: 'There is no such workflow, or no such step in it.' },
      409: { description: 'The workflow has ended, or is not where this applies.' },
    },
  },
  async (input, app) => {
    const { body, text } = input;
    return changed(input, app().deps, { kind: 'signalled', step: body.step, variables: variablesOf(text) });
  },
);

export const { handler } = signalWorkflow;
