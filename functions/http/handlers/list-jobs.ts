import type { JobRecord } from '../../../engine/job.ts';
import type { JobFilter, RecordStore } from '../../../engine/ports/record-store.ts';
import type { JobId, StepId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { jobListQuery } from '../requests.ts';
import { jobText, jsonArray } from '../views.ts';

/** Lambda answers with at most 6 MB; a page of large jobs ends early, and the cursor goes on from there. */
const PAGE_CHARACTERS = 1_500_000;
/** Read at a time, so that a page of large jobs does not fill the memory before it is cut. */
const CHUNK = 100;

export const listJobs = defineEndpoint(
  {
    query: jobListQuery,
    replies: {
      200: { description: 'Newest first. A page of large jobs is shorter.', schema: replies.jobPage },
    },
  },
  async ({ query }, app) => {
    const filter = { status: query.status, type: query.type as StepId | undefined };
    const { texts, next } = await readPage(app().deps.store, {
      ...filter,
      before: query.cursor as JobId | undefined,
      limit: query.limit,
    });
    return { status: 200, body: `{"jobs":${jsonArray(texts)},"next_cursor":${JSON.stringify(next)}}` };
  },
);

export const { handler } = listJobs;

/** One job more than asked for is read, to know whether there is a next page. */
async function readPage(store: Pick<RecordStore, 'listJobs'>, filter: JobFilter) {
  const texts: string[] = [];
  let characters = 0;
  let last: JobRecord | undefined;
  for (;;) {
    const limit = Math.min(CHUNK, filter.limit - texts.length + 1);
    const chunk = await store.listJobs({ ...filter, before: last?.id ?? filter.before, limit });
    for (const job of chunk) {
      const text = jobText(job);
      characters += text.length;
      const isFull = texts.length === filter.limit || (characters > PAGE_CHARACTERS && texts.length > 0);
      if (isFull) return { texts, next: cursorAfter(last) };
      texts.push(text);
      last = job;
    }
    if (chunk.length < limit) return { texts, next: null };
  }
}

function cursorAfter(job: JobRecord | undefined): string | null {
  return job ? Buffer.from(job.id, 'latin1').toString('base64url') : null;
}
