import { claim, leaseFields, leaseRequest } from '../claims.ts';
import { defineEndpoint } from '../endpoint.ts';
import { jobNotFound, notClaimable } from '../refusals.ts';
import * as replies from '../replies.ts';
import { claimRequest } from '../requests.ts';
import { jobText, jsonObject } from '../views.ts';

export const claimJob = defineEndpoint(
  {
    scope: 'work',
    id: 'job',
    body: claimRequest,
    replies: {
      200: { description: 'The lease is yours until `lease_until`.', schema: replies.claimed },
      404: { description: 'There is no such job, or its transaction is not visible yet.' },
      409: { description: 'The job is not queued.' },
    },
  },
  async ({ id, body }, app) => {
    const [outcome] = await claim(app(), { ids: [id], ...leaseRequest(body) });
    if (outcome?.kind === 'not_claimable') throw notClaimable(id, outcome.status);
    if (outcome?.kind !== 'claimed') throw jobNotFound(id);
    const { job } = outcome;
    return { status: 200, body: jsonObject(leaseFields(job), { job: jobText(job) }) };
  },
);

export const { handler } = claimJob;
