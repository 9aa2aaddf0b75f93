import { createHash } from 'node:crypto';
import type { JobRecord } from '../../engine/job.ts';
import type { ClaimToken, JobId } from '../../events/ids.ts';

/** The order in which queued jobs are given out: highest priority first, then the oldest. */
export function byTurn(a: JobRecord, b: JobRecord): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.id < b.id ? -1 : 1;
}

/** The jobs before which fewer payload bytes than the limit stand. */
export function withinBytes(jobs: readonly JobRecord[], limit: number): JobRecord[] {
  let before = 0;
  return jobs.filter(({ payload }) => {
    const fits = before < limit;
    before += Buffer.byteLength(payload);
    return fits;
  });
}

/** The same for each repetition of a claim, and another for every attempt. */
export function claimToken(claimId: string, id: JobId, attempt: number): ClaimToken {
  const hex = createHash('sha256').update(`${claimId}${id}${attempt}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}` as ClaimToken;
}

export function later(time: Date, milliseconds: number): Date {
  return new Date(time.getTime() + milliseconds);
}
