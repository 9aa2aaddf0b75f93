import { defineEndpoint } from '../endpoint.ts';
import * as shapes from '../insight-shapes.ts';

export const getRelay = defineEndpoint(
  {
    scope: 'read',
    replies: {
      200: { description: 'What the database knows of the relay and its slots.', schema: shapes.relay },
    },
  },
  async (_input, app) => ({ status: 200, body: JSON.stringify(await app().insight.relay()) }),
);

export const { handler } = getRelay;
