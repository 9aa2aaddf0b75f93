import type { InstanceId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import { cursorAfter } from '../job-page.ts';
import { workflowListQuery } from '../lifecycle-requests.ts';
import { jsonArray } from '../views.ts';
import { workflowPage } from '../workflow-replies.ts';
import { workflowSummaryText } from '../workflow-views.ts';

export const listWorkflows = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    query: workflowListQuery,
    replies: { 200: { description: 'Newest first, without their steps.', schema: workflowPage } },
  },
  async ({ query }, app) => {
    const { status, name, foreign_id, limit } = query;
    const before = query.cursor as InstanceId | undefined;
    // One more than asked for, to know whether there is a next page.
    const found = await app().deps.store.listInstances({
      ...{ status, name, before },
      foreignId: foreign_id,
      limit: limit + 1,
    });
    const page = found.slice(0, limit);
    const next = found.length > limit ? cursorAfter(page.at(-1)) : null;
    const texts = page.map(workflowSummaryText);
    return { status: 200, body: `{"workflows":${jsonArray(texts)},"next_cursor":${JSON.stringify(next)}}` };
  },
);

export const { handler } = listWorkflows;
