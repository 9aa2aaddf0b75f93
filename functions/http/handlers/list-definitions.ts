import { defineEndpoint } from '../endpoint.ts';
import { jsonArray } from '../views.ts';
import { definitionPage } from '../workflow-replies.ts';
import { definitionListQuery } from '../workflow-requests.ts';
import { definitionText } from '../workflow-views.ts';

export const listDefinitions = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    query: definitionListQuery,
    replies: { 200: { description: 'The latest version of each, by id.', schema: definitionPage } },
  },
  async ({ query }, app) => {
    const { limit } = query;
    // One more than asked for, to know whether there is a next page.
    const found = await app().deps.store.listDefinitions({ ...query, limit: limit + 1 });
    const page = found.slice(0, limit);
    const next = found.length > limit ? (page.at(-1)?.id ?? null) : null;
    const texts = page.map((record) => definitionText(record));
    return { status: 200, body: `{"definitions":${jsonArray(texts)},"next_after":${JSON.stringify(next)}}` };
  },
);

export const { handler } = listDefinitions;
