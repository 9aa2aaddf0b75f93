import { rawElements, rawMembers } from '../../../engine/raw-json.ts';
import type { ClaimToken, JobId } from '../../../events/ids.ts';
import { within } from '../accept.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { completeBatchRequest } from '../requests.ts';
import { complete, type MeasuredCompletion, settleEach } from '../settlements.ts';

export const completeBatch = defineEndpoint(
  {
    scope: 'work',
    body: completeBatchRequest,
    bodyLimit: bodyLimits.batch,
    replies: { 200: { description: 'What became of each, in the order sent.', schema: replies.settlements } },
  },
  ({ body, text }, app) => {
    const raw = rawElements(rawMembers(text).get('jobs') ?? '[]');
    const completions = body.jobs.map(({ id, token, held_ms }, index): MeasuredCompletion => {
      const result = rawMembers(raw[index] ?? '{}').get('result') ?? 'null';
      const text = within(result, `jobs[${index}].result`);
      return { id: id as JobId, token: token as ClaimToken, result: text, heldMs: held_ms };
    });
    return settleEach(completions, (distinct) => complete(app(), distinct));
  },
);

export const { handler } = completeBatch;
