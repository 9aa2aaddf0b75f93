import type { JobId, StepId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import { jobPageText } from '../job-page.ts';
import * as replies from '../replies.ts';
import { jobListQuery } from '../requests.ts';

export const listJobs = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    query: jobListQuery,
    replies: {
      200: { description: 'Newest first. A page of large jobs is shorter.', schema: replies.jobPage },
    },
  },
  async ({ query }, app) => {
    const { store } = app().deps;
    const { status, type, text, created_after, created_before } = query;
    const filter = { status, type: type as StepId | undefined, text, after: firstIdAt(created_after) };
    const from = { limit: query.limit, cursor: query.cursor ?? firstIdAt(created_before) };
    return { status: 200, body: await jobPageText((page) => store.listJobs({ ...filter, ...page }), from) };
  },
);

export const { handler } = listJobs;

/** The least id that a job of this time can have: it begins with the milliseconds. */
function firstIdAt(time: string | undefined): JobId | undefined {
  if (time === undefined) return undefined;
  const ms = Math.max(0, Date.parse(time)).toString(16).padStart(12, '0');
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-000000000000` as JobId;
}
