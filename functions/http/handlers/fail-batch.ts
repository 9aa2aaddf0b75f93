import type { Failure } from '../../../engine/commands/fail-jobs.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { failBatchRequest } from '../requests.ts';
import { fail, settleEach } from '../settlements.ts';

export const failBatch = defineEndpoint(
  {
    body: failBatchRequest,
    bodyLimit: bodyLimits.batch,
    replies: { 200: { description: 'What became of each, in the order sent.', schema: replies.settlements } },
  },
  ({ body }, app) => settleEach(body.jobs as Failure[], (distinct) => fail(app(), distinct)),
);

export const { handler } = failBatch;
