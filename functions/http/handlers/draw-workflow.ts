import * as z from 'zod';
import { definitionOf } from '../../../engine/workflow/definitions.ts';
import { drawingOf } from '../drawing/drawing.ts';
import { graphFormat, graphOf, graphReply } from '../drawing/reply.ts';
import { defineEndpoint } from '../endpoint.ts';
import { workflowNotFound } from '../refusals.ts';

export const drawWorkflow = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    id: 'workflow',
    query: z.strictObject({ format: graphFormat }),
    replies: { 200: graphReply, 404: { description: 'There is no such workflow.' } },
  },
  async ({ id, query, event }, app) => {
    const { store } = app().deps;
    const found = await store.getInstance(id);
    if (!found) throw workflowNotFound(id);
    return graphOf(drawingOf(await definitionOf(store, found.instance), found), query.format, event);
  },
);

export const { handler } = drawWorkflow;
