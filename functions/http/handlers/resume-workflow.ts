import { defineEndpoint } from '../endpoint.ts';
import { changed } from '../workflow-changes.ts';
import { workflow } from '../workflow-replies.ts';
import { onBehalfRequest } from '../workflow-requests.ts';

export const resumeWorkflow = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    id: 'workflow',
    body: onBehalfRequest,
    optionalBody: true,
    replies: {
      200: { description: 'It goes on from where it was paused.', schema: workflow },
      404: { description: 'There is no such workflow, or no such step in it.' },
      409: { description: 'The workflow has ended, or is not where this applies.' },
    },
  },
  async (input, app) => {
    return changed(input, app().deps, { kind: 'resumed' });
  },
);

export const { handler } = resumeWorkflow;
