import { defineEndpoint } from '../endpoint.ts';
import { recordReply, recordText } from '../record-shapes.ts';
import { recordNotFound } from '../refusals.ts';

export const getRecord = defineEndpoint(
  {
    scope: 'read',
    id: 'run',
    replies: {
      200: { description: 'With its data.', schema: recordReply },
      404: { description: 'There is no such run.' },
    },
  },
  async ({ id }, app) => {
    const record = await (await app().records()).lookup(id);
    if (!record) throw recordNotFound(id);
    return { status: 200, body: recordText(record) };
  },
);

export const { handler } = getRecord;
