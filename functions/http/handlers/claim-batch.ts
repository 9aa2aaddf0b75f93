import type { ClaimOutcome } from '../../../engine/ports/record-store.ts';
import type { JobId } from '../../../events/ids.ts';
import { claim, leaseFields, leaseRequest } from '../claims.ts';
import { defineEndpoint } from '../endpoint.ts';
import { onceEach } from '../once-each.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { claimBatchRequest } from '../requests.ts';
import { jobText, jobTextWithoutPayload, jsonArray, jsonObject } from '../views.ts';

/** Payload characters in one answer. Lambda answers with at most 6 MB, and what is claimed must be told. */
const PAYLOAD_CHARACTERS = 1_000_000;

export const claimBatch = defineEndpoint(
  {
    scope: 'work',
    body: claimBatchRequest,
    bodyLimit: bodyLimits.batch,
    replies: { 200: { description: 'What became of each, in the order sent.', schema: replies.claims } },
  },
  async ({ body }, app) => {
    const lease = leaseRequest(body);
    const publishedAt = new Map(body.published_at?.map((at, index) => [body.ids[index] as JobId, at]));
    const outcomes = await onceEach(
      body.ids as JobId[],
      (id) => id,
      (ids) => claim(app(), { ids, ...lease }, publishedAt),
    );
    let room = PAYLOAD_CHARACTERS;
    const results = outcomes.map(([id, outcome]) => {
      if (outcome?.kind === 'claimed') room -= outcome.job.payload.length;
      return outcomeText(id, outcome, room >= 0);
    });
    return { status: 200, body: `{"results":${jsonArray(results)}}` };
  },
);

export const { handler } = claimBatch;

function outcomeText(id: JobId, outcome: ClaimOutcome | undefined, withPayload: boolean): string {
  if (!outcome || outcome.kind === 'not_found') return jsonObject({ id, outcome: 'not_found' });
  if (outcome.kind === 'not_claimable')
    return jsonObject({ id, outcome: outcome.kind, status: outcome.status, attempt: outcome.attempt });
  const { job } = outcome;
  const text = withPayload ? jobText(job) : jobTextWithoutPayload(job);
  return jsonObject({ id, outcome: outcome.kind, ...leaseFields(job) }, { job: text });
}
