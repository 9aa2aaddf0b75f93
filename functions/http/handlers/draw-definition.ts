import { parsed } from '../../../engine/workflow/definitions.ts';
import { drawingOf } from '../drawing/drawing.ts';
import { graphFormat, graphOf, graphReply } from '../drawing/reply.ts';
import { defineEndpoint } from '../endpoint.ts';
import { definitionNotFound } from '../refusals.ts';
import { definitionQuery } from '../workflow-requests.ts';

export const drawDefinition = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    id: 'definition',
    query: definitionQuery.extend({ format: graphFormat }),
    replies: { 200: graphReply, 404: { description: 'There is no such definition.' } },
  },
  async ({ query, event }, app) => {
    const { store } = app().deps;
    const id = event.pathParameters?.['id'] ?? '';
    const found = await store.getDefinition(id, query.version);
    if (!found) throw definitionNotFound(id, query.version);
    return graphOf(drawingOf(parsed(store, found)), query.format, event);
  },
);

export const { handler } = drawDefinition;
