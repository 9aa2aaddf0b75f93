import { rawMembers } from '../../../engine/raw-json.ts';
import type { ClaimToken } from '../../../events/ids.ts';
import { within } from '../accept.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { completeRequest } from '../requests.ts';
import { complete, settledReply } from '../settlements.ts';

export const completeJob = defineEndpoint(
  {
    scope: 'work',
    id: 'job',
    body: completeRequest,
    bodyLimit: bodyLimits.result,
    replies: {
      200: {
        description: 'Committed. Repeating the request gives the same answer.',
        schema: replies.settled,
      },
      404: { description: 'There is no such job.' },
      409: { description: 'The token is not the current one: recorded, not applied.' },
    },
  },
  async ({ id, body, text }, app) => {
    const result = within(rawMembers(text).get('result') ?? 'null', 'result');
    const completion = { id, token: body.token as ClaimToken, result, heldMs: body.held_ms };
    const [outcome] = await complete(app(), [completion]);
    return settledReply(id, outcome);
  },
);

export const { handler } = completeJob;
