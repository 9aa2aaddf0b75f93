import { defineEndpoint } from '../endpoint.ts';
import { definitionNotFound } from '../refusals.ts';
import { definitionDetail } from '../workflow-replies.ts';
import { definitionQuery } from '../workflow-requests.ts';
import { definitionText } from '../workflow-views.ts';

export const getDefinition = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    id: 'definition',
    query: definitionQuery,
    replies: {
      200: { description: 'The document as it was uploaded.', schema: definitionDetail },
      404: { description: 'There is no such definition.' },
    },
  },
  async ({ query, event }, app) => {
    const id = event.pathParameters?.['id'] ?? '';
    const found = await app().deps.store.getDefinition(id, query.version);
    if (!found) throw definitionNotFound(id, query.version);
    return { status: 200, body: definitionText(found, true) };
  },
);

export const { handler } = getDefinition;
