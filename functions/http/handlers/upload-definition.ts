import { uploadDefinition as upload } from '../../../engine/commands/upload-definition.ts';
import { requireHandlers } from '../../tenant-uploads.ts';
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
      422: { description: "A tenant's names a job type that has no handler." },
    },
  },
  async ({ text }, app) => {
    await requireHandlers(app(), text);
    const outcome = await upload(app().deps, text);
    if (outcome.kind === 'invalid') {
      throw invalidRequest(outcome.faults.map((message) => ({ field: 'definition', message })));
    }
    return { status: 201, body: definitionText(outcome.definition) };
  },
);

export const { handler } = uploadDefinition;
