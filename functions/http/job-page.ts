import type { JobRecord } from '../../engine/job.ts';
import type { JobId } from '../../events/ids.ts';
import { jobText, jsonArray } from './views.ts';

/** Lambda answers with at most 6 MB; a page of large jobs ends early, and the cursor goes on from there. */
const PAGE_CHARACTERS = 1_500_000;
/** Read at a time, so that a page of large jobs does not fill the memory before it is cut. */
const CHUNK = 100;

interface PageQuery {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

type ReadJobs = (page: { before?: JobId | undefined; limit: number }) => Promise<JobRecord[]>;

/** The body of a page of jobs, newest first. One job more than asked for is read, to know whether there is a next page. */
export async function jobPageText(read: ReadJobs, query: PageQuery): Promise<string> {
  const { texts, next } = await readPage(read, query);
  return `{"jobs":${jsonArray(texts)},"next_cursor":${JSON.stringify(next)}}`;
}

async function readPage(read: ReadJobs, query: PageQuery) {
  const texts: string[] = [];
  let characters = 0;
  let last: JobRecord | undefined;
  for (;;) {
    const limit = Math.min(CHUNK, query.limit - texts.length + 1);
    const chunk = await read({ before: last?.id ?? (query.cursor as JobId | undefined), limit });
    for (const job of chunk) {
      const text = jobText(job);
      characters += text.length;
      const isFull = texts.length === query.limit || (characters > PAGE_CHARACTERS && texts.length > 0);
      if (isFull) return { texts, next: cursorAfter(last) };
      texts.push(text);
      last = job;
    }
    if (chunk.length < limit) return { texts, next: null };
  }
}

/** Opaque to the caller, so that it may become something else. */
export function cursorAfter(last: { readonly id: string } | undefined): string | null {
  return last ? Buffer.from(last.id, 'latin1').toString('base64url') : null;
}
