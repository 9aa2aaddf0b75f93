import type { Failure } from '../../../engine/commands/fail-jobs.ts';
import type { ClaimToken, JobId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { failBatchRequest } from '../requests.ts';
import { fail, settleEach } from '../settlements.ts';

export const failBatch = defineEndpoint(
  {
    scope: 'work',
    body: failBatchRequest,
    bodyLimit: bodyLimits.batch,
    replies: { 200: { description: 'What became of each, in the order sent.', schema: replies.settlements } },
  },
  ({ body }, app) => {
    const failures = body.jobs.map(
      ({ id, token, error, retryable, retry_after_ms }): Failure => ({
        id: id as JobId,
        token: token as ClaimToken,
        error,
        retryable,
        retryAfterMs: retry_after_ms,
      }),
    );
    return settleEach(failures, (distinct) => fail(app(), distinct));
  },
);

export const { handler } = failBatch;
