import * as z from 'zod';
import { defineEndpoint } from '../endpoint.ts';
import { pageFields } from '../fields.ts';
import { schedulePage, scheduleText } from '../schedule-shapes.ts';
import { jsonArray } from '../views.ts';

const query = z.strictObject({
  limit: pageFields.limit,
  cursor: z.string().max(400).optional().meta({ description: 'The next_cursor of the page before.' }),
});

export const listSchedules = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    query,
    replies: { 200: { description: 'By name.', schema: schedulePage } },
  },
  async ({ query: { limit, cursor } }, app) => {
    const after = cursor && Buffer.from(cursor, 'base64url').toString('latin1').replaceAll('\0', '');
    // One more than asked for, to know whether there is a next page.
    const found = await app().deps.store.schedules.list({ after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1)?.name : undefined;
    const next = last === undefined ? null : Buffer.from(last, 'latin1').toString('base64url');
    const texts = page.map(scheduleText);
    return { status: 200, body: `{"schedules":${jsonArray(texts)},"next_cursor":${JSON.stringify(next)}}` };
  },
);

export const { handler } = listSchedules;
