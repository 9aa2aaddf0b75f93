import { randomUUID } from 'node:crypto';
import type { SettleOutcome } from '../../engine/commands/settle.ts';
import { settleAsWorker, type WorkerResult } from '../../engine/commands/settle-as-worker.ts';
import { limits } from '../../engine/deps.ts';
import { isMillraceError, type MillraceError } from '../../engine/errors.ts';
import type { JobRecord } from '../../engine/job.ts';
import { isStepId, isUuid, type JobId } from '../../events/ids.ts';
import type { App } from '../compose.ts';
import { poll } from '../http/claims.ts';
import { jobNotFound, staleToken } from '../http/refusals.ts';
import { countSettled } from '../http/settlements.ts';

/** What the protocol does with jobs, whichever way it is spoken. */

/** Of the protocol: it has no heartbeat. */
const LEASE_MS = 30_000;

/** A worker that did not say its name. */
export const UNNAMED = 'unnamed';

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

export type JobResult = Omit<WorkerResult, 'id'>;

/**
 * A worker that polls is told what became of its result. One that consumes is told so only where a result can still come to
 * something: its SDKs take a refusal for a reason to keep their place in the partition, and a job that has ended, or is gone,
 * would hold up all that come behind it, at every restart (decision 59).
 * @param told read here, for what is wrong with a result is an outcome, too
 * @throws MillraceError `not_found`; `stale_token` when the job is not this worker's any more
 */
export async function settleJob(app: App, id: string, told: () => JobResult): Promise<void> {
  if (!isUuid(id)) throw jobNotFound(id);
  const consumed = app.deps.mode === 'kafka_outbox';
  const result = { ...(consumed ? fitting(told) : told()), id: id.toLowerCase() as JobId };
  const outcome = await settleAsWorker(app.deps, result);
  countSettled(app, outcome, { id: result.id, end: result.end.kind });
  if (outcome.kind === 'settled') return;
  if (consumed) return tellNobody(app, result, outcome);
  throw outcome.kind === 'not_found' ? jobNotFound(id) : staleToken(id, outcome.status);
}

/** What a worker says of a failure, as far as it can be stored. */
export function errorText(told: string): string {
  return told.slice(0, ERROR_CHARACTERS).replaceAll('\0', '\uFFFD').toWellFormed();
}

const ERROR_CHARACTERS = 32 * 1024;

/** A result that can never be stored fails its job: asked again, the handler would give the same. */
function fitting(told: () => JobResult): JobResult {
  try {
    return told();
  } catch (error) {
    if (!isMillraceError(error) || !isUnstorable(error)) throw error;
    const end = {
      kind: 'failed',
      error: `The result was refused: ${error.message}`,
      retryable: false,
    } as const;
    return { workerId: UNNAMED, end };
  }
}

function isUnstorable({ code, detail }: MillraceError): boolean {
  return code === 'body_too_large' || detail['reason'] === 'unstorable';
}

function tellNobody(
  { logger }: App,
  { id, workerId, end }: WorkerResult,
  outcome: Exclude<SettleOutcome, { kind: 'settled' }>,
): void {
  const status = outcome.kind === 'refused' ? outcome.status : 'not_found';
  logger.warn('a result was refused', { jobId: id, worker: workerId, told: end.kind, status });
}
