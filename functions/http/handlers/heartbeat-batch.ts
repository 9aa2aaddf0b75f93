import { heartbeat } from '../../../engine/commands/claim-jobs.ts';
import type { HeartbeatOutcome, LeaseProof } from '../../../engine/ports/record-store.ts';
import { defineEndpoint } from '../endpoint.ts';
import { onceEach } from '../once-each.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { heartbeatBatchRequest } from '../requests.ts';
import { jsonArray, jsonObject } from '../views.ts';

export const heartbeatBatch = defineEndpoint(
  {
    scope: 'work',
    body: heartbeatBatchRequest,
    bodyLimit: bodyLimits.batch,
    replies: { 200: { description: 'What became of each, in the order sent.', schema: replies.heartbeats } },
  },
  async ({ body }, app) => {
    const { deps } = app();
    const outcomes = await onceEach(
      body.jobs as LeaseProof[],
      ({ id, token }) => `${id} ${token}`,
      (leases) => heartbeat(deps, leases, body.lease_seconds * 1000),
    );
    const results = outcomes.map(([{ id }, outcome]) => outcomeText(id, outcome));
    return { status: 200, body: `{"results":${jsonArray(results)}}` };
  },
);

export const { handler } = heartbeatBatch;

function outcomeText(id: string, outcome: HeartbeatOutcome | undefined): string {
  if (outcome?.kind === 'extended') {
    return jsonObject({ id, outcome: outcome.kind, lease_until: outcome.leaseUntil });
  }
  return jsonObject({
    id,
    ...(outcome?.kind === 'lost'
      ? { outcome: outcome.kind, status: outcome.status }
      : { outcome: 'not_found' }),
  });
}
