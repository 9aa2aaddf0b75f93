import { enqueueJob as enqueue } from '../../../engine/commands/enqueue-jobs.ts';
import { rawMembers } from '../../../engine/raw-json.ts';
import { requireKnownTypes, toJobRequest } from '../accept.ts';
import { acceptWithin } from '../accept-spans.ts';
import { createdJobText } from '../created-job-text.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { jobRequest } from '../requests.ts';
import { jobText } from '../views.ts';

export const enqueueJob = defineEndpoint(
  {
    scope: 'enqueue',
    forTenants: true,
    body: jobRequest,
    replies: {
      201: {
        description:
          'Committed. With a known idempotency key the first job, and the header `Idempotent-Replayed: true`; with a unique key ' +
          'perhaps the job that stands for it, and the header `Unique-Joined: true`.',
        schema: replies.job,
      },
      409: { description: 'The idempotency key was used with another request.' },
      422: { description: 'The type has no handler.' },
    },
  },
  async ({ body, text, event }, app) => {
    const { deps, metrics, types } = app();
    const payload = rawMembers(text).get('payload');
    const request = toJobRequest(body, { payload, field: 'payload', event });
    await requireKnownTypes(types, [request.type], () => 'type');
    const enqueued = await acceptWithin(app(), {
      kind: 'job',
      names: [request.type],
      event,
      accept: (own) => enqueue(deps, own ? { ...request, traceparent: own[0] } : request),
      fieldsOf: ({ job, kind }) => [
        { 'messaging.message.id': job.id, 'millrace.replayed': kind === 'replayed' },
      ],
    });
    if (enqueued.kind !== 'created') {
      const header = enqueued.kind === 'replayed' ? 'idempotent-replayed' : 'unique-joined';
      return { status: 201, headers: { [header]: 'true' }, body: jobText(enqueued.job) };
    }
    metrics.enqueued([request.type]);
    return { status: 201, body: createdJobText(enqueued.job) };
  },
);

export const { handler } = enqueueJob;
