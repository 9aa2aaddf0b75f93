import { defineEndpoint } from '../endpoint.ts';
import * as shapes from '../insight-shapes.ts';

export const getOverview = defineEndpoint(
  {
    scope: 'read',
    replies: { 200: { description: 'Depths, rates, leaders, now.', schema: shapes.overview } },
  },
  async (_input, app) => ({ status: 200, body: JSON.stringify(await app().insight.overview()) }),
);

export const { handler } = getOverview;
