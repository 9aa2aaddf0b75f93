import { limits } from '../../../engine/deps.ts';
import type { JobRecord } from '../../../engine/job.ts';
import type { StepId } from '../../../events/ids.ts';
import { leaseFields, leaseRequest, poll } from '../claims.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { pollRequest } from '../requests.ts';
import { jobText, jobTextWithPayloadText, jsonArray, jsonObject } from '../views.ts';

/** Where requests cannot be told to have been given up, nobody goes away. */
const STAYS = new AbortController().signal;

export const pollJobs = defineEndpoint(
  {
    scope: 'work',
    body: pollRequest,
    replies: {
      200: {
        description: 'The jobs, yours until their `lease_until`; none if there are none.',
        schema: replies.polled,
      },
      409: { description: '`poll_disabled`: jobs go to the topics named in `topics`.' },
    },
  },
  async ({ body, event }, app) => {
    const request = {
      types: [...new Set(body.types)] as StepId[],
      limit: body.limit,
      payloadBytes: limits.pollPayloadBytes,
      again: body.again,
      ...leaseRequest(body),
    };
    const { arrivals } = app();
    const wait = arrivals && { arrivals, ms: body.wait_ms };
    const jobs = await poll(app(), request, { gone: event.gone?.() ?? STAYS, wait });
    const textOf = body.payload_as === 'text' ? jobTextWithPayloadText : jobText;
    return { status: 200, body: `{"jobs":${jsonArray(jobs.map((job) => leaseText(job, textOf)))}}` };
  },
);

export const { handler } = pollJobs;

function leaseText(job: JobRecord, textOf: (job: JobRecord) => string): string {
  return jsonObject(leaseFields(job), { job: textOf(job) });
}
