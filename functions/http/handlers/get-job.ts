import { defineEndpoint } from '../endpoint.ts';
import { jobNotFound } from '../refusals.ts';
import * as replies from '../replies.ts';
import { jobDetailText } from '../views.ts';

export const getJob = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    id: 'job',
    replies: {
      200: { description: 'The job, its attempts and its audit trail.', schema: replies.jobDetail },
      404: { description: 'There is no such job.' },
    },
  },
  async ({ id }, app) => {
    const { store } = app().deps;
    const [[job], audit] = await Promise.all([store.getJobs([id]), store.listAudit({ jobId: id })]);
    if (!job) throw jobNotFound(id);
    return { status: 200, body: jobDetailText(job, audit) };
  },
);

export const { handler } = getJob;
