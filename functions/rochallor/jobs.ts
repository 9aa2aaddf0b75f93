import { randomUUID } from 'node:crypto';
import { settleAsWorker, type WorkerResult } from '../../engine/commands/settle-as-worker.ts';
import { limits } from '../../engine/deps.ts';
import type { JobRecord } from '../../engine/job.ts';
import { isStepId, isUuid, type JobId } from '../../events/ids.ts';
import type { App } from '../compose.ts';
import { poll } from '../http/claims.ts';
import { jobNotFound, staleToken } from '../http/refusals.ts';
import { countSettled } from '../http/settlements.ts';

/** What the protocol does with jobs, whichever way it is spoken. */

/** Of the protocol: it has no heartbeat. */
const LEASE_MS = 30_000;

export interface JobsRequest {
  readonly workerId: string;
  readonly jobTypes: readonly string[];
  readonly maxJobs: number;
  /** Aborts when the caller has gone: what was taken for him is given back. */
  readonly gone?: AbortSignal | undefined;
}

/** Where requests cannot be told to have been given up, nobody goes away. */
const STAYS = new AbortController().signal;

/** @throws MillraceError `poll_disabled` when jobs reach workers through Kafka */
export async function takeJobs(app: App, request: JobsRequest): Promise<readonly JobRecord[]> {
  const { workerId, jobTypes, maxJobs } = request;
  const wanted = {
    types: [...new Set(jobTypes.filter(isStepId))],
    limit: Math.min(maxJobs, limits.batchJobs),
    payloadBytes: limits.pollPayloadBytes,
    workerId,
    leaseMs: LEASE_MS,
    claimId: randomUUID(),
    lenient: true,
  };
  return poll(app, wanted, { gone: request.gone ?? STAYS });
}

export function retriesRemaining({ attemptBase, maxRetries, attempt }: JobRecord): number {
  return Math.max(0, attemptBase + maxRetries + 1 - attempt);
}

/** @throws MillraceError `not_found`; `stale_token` when the job is not this worker's any more */
export async function settleJob(app: App, id: string, result: Omit<WorkerResult, 'id'>): Promise<void> {
  if (!isUuid(id)) throw jobNotFound(id);
  const jobId = id.toLowerCase() as JobId;
  const outcome = await settleAsWorker(app.deps, { ...result, id: jobId });
  countSettled(app, outcome, { id: jobId, end: result.end.kind });
  if (outcome.kind === 'not_found') throw jobNotFound(id);
  if (outcome.kind === 'refused') throw staleToken(id, outcome.status);
}
