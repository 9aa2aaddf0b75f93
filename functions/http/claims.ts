import { randomUUID } from 'node:crypto';
import { claimJobs } from '../../engine/commands/claim-jobs.ts';
import { type PollCaller, pollJobs } from '../../engine/commands/poll-jobs.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { JobRecord } from '../../engine/job.ts';
import type { ClaimOutcome, ClaimRequest, PollRequest } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import type { App } from '../compose.ts';

/**
 * Claims, and measures how long the jobs had waited.
 * @param publishedAt by job, where the claimant has its record from a broker: when that had it
 */
export async function claim(
  { deps, metrics }: App,
  request: ClaimRequest,
  publishedAt?: ReadonlyMap<JobId, number>,
): Promise<ClaimOutcome[]> {
  const start = deps.clock.now().getTime();
  const outcomes = await claimJobs(deps, request);
  const claimMs = deps.clock.now().getTime() - start;
  for (const outcome of outcomes) {
    if (outcome.kind !== 'claimed') continue;
    const { job } = outcome;
    const published = publishedAt?.get(job.id);
    const sincePublishedMs = published && (job.startedAt?.getTime() ?? Number.NaN) - published;
    metrics.claimed({ queuedMs: queuedMs(job), claimMs, sincePublishedMs });
  }
  return outcomes;
}

/** Takes queued jobs, and measures how long they had waited. */
export async function poll(
  { deps, metrics }: App,
  request: PollRequest,
  caller: PollCaller,
): Promise<readonly JobRecord[]> {
  const { jobs, claimMs } = await pollJobs(deps, request, caller);
  // A job that is given again was counted when it was taken.
  if (!request.again) for (const job of jobs) metrics.claimed({ queuedMs: queuedMs(job), claimMs });
  return jobs;
}

function queuedMs({ startedAt, queuedAt, createdAt }: JobRecord): number {
  return (startedAt ?? createdAt).getTime() - (queuedAt ?? createdAt).getTime();
}

/** What a claim asks for. Without a claim id of the caller's own, repeating the request is a claim of its own. */
export function leaseRequest(body: {
  readonly claim_id?: string | undefined;
  readonly worker_id: string;
  readonly lease_seconds: number;
}): Omit<ClaimRequest, 'ids'> {
  return {
    claimId: body.claim_id ?? randomUUID(),
    workerId: body.worker_id,
    leaseMs: body.lease_seconds * 1000,
  };
}

/** What only the claimant learns. */
export function leaseFields(job: JobRecord) {
  if (!job.token || !job.leaseUntil) {
    throw new MillraceError('internal', `The store claimed job ${job.id} without a lease.`);
  }
  const { token, attempt, leaseUntil, traceparent } = job;
  return { token, attempt, lease_until: leaseUntil, ...(traceparent === null ? {} : { traceparent }) };
}
