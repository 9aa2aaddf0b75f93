import type { ClaimToken } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { failRequest } from '../requests.ts';
import { fail, settledReply } from '../settlements.ts';

export const failJob = defineEndpoint(
  {
    scope: 'work',
    id: 'job',
    body: failRequest,
    replies: {
      200: { description: 'Recorded: `retrying`, or `dead_letter`.', schema: replies.settled },
      404: { description: 'There is no such job.' },
      409: { description: 'The token is not the current one: recorded, not applied.' },
    },
  },
  async ({ id, body }, app) => {
    const { token, error, retryable, retry_after_ms: retryAfterMs } = body;
    const failure = { id, token: token as ClaimToken, error, retryable, retryAfterMs };
    const [outcome] = await fail(app(), [failure]);
    return settledReply(id, outcome);
  },
);

export const { handler } = failJob;
