import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { undecodableRequest } from '../requests.ts';

/** Where workers put records that are no dispatch, so that these never block their partition. */
export const recordUndecodable = defineEndpoint(
  {
    scope: 'work',
    body: undecodableRequest,
    bodyLimit: bodyLimits.batch,
    replies: { 201: { description: 'Recorded; a repeated record counts once.', schema: replies.recorded } },
  },
  async ({ body }, app) => {
    await app().deps.store.recordUndecodable(
      body.records.map((record) => ({ ...record, key: decode(record.key), value: decode(record.value) })),
    );
    return { status: 201, body: `{"recorded":${body.records.length}}` };
  },
);

export const { handler } = recordUndecodable;

function decode(base64: string | null): Buffer | null {
  return base64 === null ? null : Buffer.from(base64, 'base64');
}
