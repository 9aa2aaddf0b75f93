import { enqueueJobs } from '../../../engine/commands/enqueue-jobs.ts';
import { rawElements, rawMembers } from '../../../engine/raw-json.ts';
import { requireKnownTypes, toJobRequest } from '../accept.ts';
import { acceptWithin } from '../accept-spans.ts';
import { createdJobText } from '../created-job-text.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { bodyLimits } from '../request-body.ts';
import { jobBatchRequest } from '../requests.ts';
import { jobText, jsonArray } from '../views.ts';

export const enqueueBatch = defineEndpoint(
  {
    scope: 'enqueue',
    forTenants: true,
    body: jobBatchRequest,
    bodyLimit: bodyLimits.batch,
    replies: {
      201: { description: 'All are committed; in the order sent.', schema: replies.jobs },
      409: { description: 'An idempotency key was used with another request; nothing was written.' },
      422: { description: 'A type has no handler; nothing was written.' },
    },
  },
  async ({ body, text, event }, app) => {
    const { deps, metrics, types } = app();
    const raw = rawElements(rawMembers(text).get('jobs') ?? '[]');
    const requests = body.jobs.map((job, index) => {
      const payload = rawMembers(raw[index] ?? '{}').get('payload');
      return toJobRequest(job, { payload, field: `jobs[${index}].payload`, event });
    });
    const wanted = requests.map(({ type }) => type);
    await requireKnownTypes(types, wanted, (index) => `jobs[${index}].type`);
    const enqueued = await acceptWithin(app(), {
      kind: 'job',
      names: wanted,
      event,
      accept: (own) =>
        enqueueJobs(deps, own ? requests.map((one, n) => ({ ...one, traceparent: own[n] })) : requests),
      fieldsOf: (outcomes) => outcomes.map(({ job }) => ({ 'messaging.message.id': job.id })),
    });
    const created = enqueued.filter(({ kind }) => kind === 'created');
    metrics.enqueued(created.map(({ job }) => job.type));
    const jobs = enqueued.map((one) => (one.kind === 'created' ? createdJobText(one.job) : jobText(one.job)));
    return { status: 201, body: `{"jobs":${jsonArray(jobs)}}` };
  },
);

export const { handler } = enqueueBatch;
