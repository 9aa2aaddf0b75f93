import type { StepId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import { jobPageText } from '../job-page.ts';
import * as replies from '../replies.ts';
import { jobListQuery } from '../requests.ts';

export const listJobs = defineEndpoint(
  {
    query: jobListQuery,
    replies: {
      200: { description: 'Newest first. A page of large jobs is shorter.', schema: replies.jobPage },
    },
  },
  async ({ query }, app) => {
    const { store } = app().deps;
    const filter = { status: query.status, type: query.type as StepId | undefined };
    return { status: 200, body: await jobPageText((page) => store.listJobs({ ...filter, ...page }), query) };
  },
);

export const { handler } = listJobs;
