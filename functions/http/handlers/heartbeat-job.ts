import { heartbeat } from '../../../engine/commands/claim-jobs.ts';
import type { ClaimToken } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import { jobNotFound, staleToken } from '../refusals.ts';
import * as replies from '../replies.ts';
import { heartbeatRequest } from '../requests.ts';
import { jsonObject } from '../views.ts';

export const heartbeatJob = defineEndpoint(
  {
    scope: 'work',
    id: 'job',
    body: heartbeatRequest,
    replies: {
      200: { description: 'The lease is extended, from now.', schema: replies.heartbeat },
      404: { description: 'There is no such job.' },
      409: { description: 'The lease is lost: stop working on the job.' },
    },
  },
  async ({ id, body }, app) => {
    const lease = { id, token: body.token as ClaimToken };
    const [outcome] = await heartbeat(app().deps, [lease], body.lease_seconds * 1000);
    if (outcome?.kind === 'lost') throw staleToken(id, outcome.status);
    if (outcome?.kind !== 'extended') throw jobNotFound(id);
    return { status: 200, body: jsonObject({ lease_until: outcome.leaseUntil }) };
  },
);

export const { handler } = heartbeatJob;
