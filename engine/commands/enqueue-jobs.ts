import type { JobId } from '../../events/ids.ts';
import type { NewJob } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { MillraceError } from '../errors.ts';
import type { JobRecord } from '../job.ts';
import { type JobPolicy, limitsOf, uniqueOf } from '../job-policy.ts';
import { type JobRequest, newJob } from '../new-job.ts';

export type Enqueued =
  | { readonly kind: 'created'; readonly job: NewJob }
  | { readonly kind: 'replayed'; readonly job: JobRecord }
  /** Another job of its unique key stands for it. */
  | { readonly kind: 'joined'; readonly job: JobRecord };

/**
 * Accepts one job. When this resolves the job is committed.
 * @throws MillraceError `idempotency_conflict` when the key was used with another request
 */
export async function enqueueJob(deps: EngineDeps, request: JobRequest): Promise<Enqueued> {
  const [enqueued] = await enqueueJobs(deps, [request]);
  if (!enqueued) throw new MillraceError('internal', 'The store gave no answer for the job.');
  return enqueued;
}

/** Accepts up to 1,000 jobs, all or none; answers in the order of the requests. */
export async function enqueueJobs(deps: EngineDeps, requests: readonly JobRequest[]): Promise<Enqueued[]> {
  const jobs = requests.map((request) =>
    newJob(deps, {
      ...governed(request, deps.policyOf?.(request.type)),
      requestHash: request.idempotencyKey ? deps.hash(fingerprint(request)) : undefined,
    }),
  );
  const outcomes = await deps.store.enqueue(jobs, { allOrNone: jobs.length > 1 });
  refuseConflict(requests, outcomes);
  return jobs.map((job, index): Enqueued => {
    const outcome = outcomes[index];
    const stands = outcome?.kind === 'replayed' || outcome?.kind === 'joined';
    return stands ? { kind: outcome.kind, job: outcome.job } : { kind: 'created', job };
  });
}

/** With what its type declares. A key that makes sending again safe must find the first job, so it rules out the other. */
export function governed<T extends JobRequest>(request: T, policy: JobPolicy | undefined): T {
  if (!policy) return request;
  const unique = request.idempotencyKey === undefined ? uniqueOf(request, policy) : request.unique;
  return { ...request, limits: limitsOf(request, policy), unique };
}

function refuseConflict(
  requests: readonly JobRequest[],
  outcomes: readonly { kind: string; jobId?: JobId }[],
): void {
  const index = outcomes.findIndex(({ kind }) => kind === 'conflict');
  if (index === -1) return;
  const key = requests[index]?.idempotencyKey;
  throw new MillraceError(
    'idempotency_conflict',
    `Idempotency key "${key}" was used before with another request${requests.length > 1 ? ` (jobs[${index}])` : ''}. ` +
      'Nothing was written. Use a new key for a new job, or repeat the first request unchanged.',
    { detail: { idempotency_key: key, index, job_id: outcomes[index]?.jobId } },
  );
}

/** What makes two requests the same: all that the caller chose, but not when or along which trace it was sent. */
export function fingerprint(request: JobRequest): string {
  const { type, payload, maxRetries, priority, runAt, partitionKey, retry, limits } = request;
  const chosen = [type, payload, maxRetries, priority ?? 0, runAt?.toISOString(), partitionKey];
  // Added only when they are there, so that keys used before there were such settings are still recognised.
  if (limits) return JSON.stringify([...chosen, retry, limits]);
  return JSON.stringify(retry ? [...chosen, retry] : chosen);
}
