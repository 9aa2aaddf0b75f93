import { redriveJob } from '../../../engine/commands/redrive.ts';
import { defineEndpoint } from '../endpoint.ts';
import { retryRequest } from '../lifecycle-requests.ts';
import { cannotRetry, jobNotFound, workflowPassed } from '../refusals.ts';
import * as replies from '../replies.ts';
import { currentJob } from '../views.ts';

export const retryJob = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    id: 'job',
    body: retryRequest,
    optionalBody: true,
    replies: {
      200: {
        description: 'Queued again, now, with all its retries; its workflow goes on from it.',
        schema: replies.job,
      },
      404: { description: 'There is no such job.' },
      409: { description: 'The job is neither a dead letter nor cancelled.' },
    },
  },
  async ({ id, body }, app) => {
    const { deps } = app();
    const outcome = await redriveJob(deps, id, body);
    if (outcome.kind === 'not_redrivable') throw cannotRetry(id, outcome.status);
    if (outcome.kind === 'instance_ended') throw workflowPassed(id);
    if (outcome.kind === 'not_found') throw jobNotFound(id);
    return { status: 200, body: await currentJob(deps.store, id) };
  },
);

export const { handler } = retryJob;
