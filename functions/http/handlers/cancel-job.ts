import { cancelJob as cancel } from '../../../engine/commands/cancel.ts';
import { defineEndpoint } from '../endpoint.ts';
import { cancelRequest } from '../lifecycle-requests.ts';
import { cannotCancel, jobNotFound } from '../refusals.ts';
import * as replies from '../replies.ts';
import { currentJob } from '../views.ts';

export const cancelJob = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    id: 'job',
    body: cancelRequest,
    optionalBody: true,
    replies: {
      200: {
        description:
          'Cancelled. A running handler learns of it at its next heartbeat. A step takes its workflow along.',
        schema: replies.job,
      },
      404: { description: 'There is no such job.' },
      409: { description: 'The job has ended already.' },
    },
  },
  async ({ id, body }, app) => {
    const { deps } = app();
    const outcome = await cancel(deps, id, body);
    if (outcome.kind === 'ended') throw cannotCancel(id, outcome.status);
    if (outcome.kind === 'not_found') throw jobNotFound(id);
    return { status: 200, body: await currentJob(deps.store, id) };
  },
);

export const { handler } = cancelJob;
