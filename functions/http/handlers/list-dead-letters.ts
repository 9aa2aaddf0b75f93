import type { StepId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import { jobPageText } from '../job-page.ts';
import { deadLetterQuery } from '../lifecycle-requests.ts';
import * as replies from '../replies.ts';

export const listDeadLetters = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    query: deadLetterQuery,
    replies: {
      200: {
        description: 'Newest first. A page of large jobs is shorter. `GET` of a job has its attempts.',
        schema: replies.jobPage,
      },
    },
  },
  async ({ query }, app) => {
    const { store } = app().deps;
    const filter = { type: query.type as StepId | undefined, errorContains: query.error };
    const body = await jobPageText((page) => store.listDeadLetters(filter, page), query);
    return { status: 200, body };
  },
);

export const { handler } = listDeadLetters;
