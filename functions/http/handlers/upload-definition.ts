import { uploadDefinition as upload } from '../../../engine/commands/upload-definition.ts';
import { defineEndpoint } from '../endpoint.ts';
import { invalidRequest } from '../problem.ts';
import { bodyLimits } from '../request-body.ts';
import { definition } from '../workflow-replies.ts';
import { definitionRequest } from '../workflow-requests.ts';
import { definitionText } from '../workflow-views.ts';

export const uploadDefinition = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    body: definitionRequest,
    bodyLimit: bodyLimits.batch,
    replies: {
      201: {
        description: 'Stored under the next version; a known document keeps its own.',
        schema: definition,
      },
    },
  },
  async ({ text }, app) => {
    const outcome = await upload(app().deps, text);
    if (outcome.kind === 'invalid') {
      throw invalidRequest(outcome.faults.map((message) => ({ field: 'definition', message })));
    }
    return { status: 201, body: definitionText(outcome.definition) };
  },
);

export const { handler } = uploadDefinition;
