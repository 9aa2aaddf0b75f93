import type { StepId } from '../../../events/ids.ts';
import { jobTopic, workerGroup } from '../../../events/topics.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as shapes from '../insight-shapes.ts';

export const listTypes = defineEndpoint(
  {
    scope: 'read',
    replies: { 200: { description: 'The registered types, their topics and groups.', schema: shapes.types } },
  },
  async (_input, app) => {
    const types = (await app().insight.types()).map((load) => ({
      ...load,
      topic: jobTopic(load.type as StepId),
      group: workerGroup(load.type as StepId),
    }));
    return { status: 200, body: JSON.stringify({ types }) };
  },
);

export const { handler } = listTypes;
