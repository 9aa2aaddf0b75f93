import { randomUUID } from 'node:crypto';
import { extendAsWorker } from '../../engine/commands/extend-as-worker.ts';
import type { SettleOutcome } from '../../engine/commands/settle.ts';
import { settleAsWorker, type WorkerResult } from '../../engine/commands/settle-as-worker.ts';
import { limits } from '../../engine/deps.ts';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';
import type { JobRecord } from '../../engine/job.ts';
import { isStepId, isUuid, type JobId } from '../../events/ids.ts';
import type { App } from '../compose.ts';
import { poll } from '../http/claims.ts';
import { jobNotFound, staleToken } from '../http/refusals.ts';
import { countSettled } from '../http/settlements.ts';

/** What the protocol does with jobs, whichever way it is spoken. */

/** In seconds, of the protocol; the default is that of workers that ask for none, and may have no heartbeat. */
const LEASE = { default: 30, min: 5, max: 3600 } as const;

/** What is out of bounds is not refused: workers sent it before it had an effect. */
function leaseMsOf(seconds: number): number {
  return 1000 * (seconds > 0 ? Math.min(LEASE.max, Math.max(LEASE.min, seconds)) : LEASE.default);
}

/** A worker that did not say its name. */
export const UNNAMED = 'unnamed';

export interface JobsRequest {
  readonly workerId: string;
  readonly jobTypes: readonly string[];
  readonly maxJobs: number;
  /** The default when 0. */
  readonly leaseSeconds: number;
  /** Aborts when the caller has gone: what was taken for him is given back. */
  readonly gone?: AbortSignal | undefined;
}

/** Where requests cannot be told to have been given up, nobody goes away. */
const STAYS = new AbortController().signal;

/** @throws MillraceError `poll_disabled` when jobs reach workers through Kafka */
export async function takeJobs(app: App, request: JobsRequest): Promise<readonly JobRecord[]> {
  const { workerId, jobTypes, maxJobs, leaseSeconds } = request;
  const wanted = {
    types: [...new Set(jobTypes.filter(isStepId))],
    limit: Math.min(maxJobs, limits.batchJobs),
    payloadBytes: limits.pollPayloadBytes,
    workerId,
    leaseMs: leaseMsOf(leaseSeconds),
    claimId: randomUUID(),
    lenient: true,
  };
  return poll(app, wanted, { gone: request.gone ?? STAYS });
}

export function retriesRemaining({ attemptBase, maxRetries, attempt }: JobRecord): number {
  return Math.max(0, attemptBase + maxRetries + 1 - attempt);
}

export interface LeaseRequest {
  readonly id: string;
  readonly workerId: string;
  readonly leaseSeconds: number;
}

/**
 * @returns until when the worker has the job
 * @throws MillraceError `stale_token` when it has not, also where there is no such job: its SDKs take "not found" for "no such call"
 */
export async function extendLease(
  { deps }: App,
  { id, workerId, leaseSeconds }: LeaseRequest,
): Promise<Date> {
  if (!isUuid(id)) throw leaseLost(id, 'not there');
  const lease = { id: id.toLowerCase() as JobId, workerId, leaseMs: leaseMsOf(leaseSeconds) };
  const outcome = await extendAsWorker(deps, lease);
  if (outcome.kind === 'extended') return outcome.leaseUntil;
  throw leaseLost(id, outcome.kind === 'lost' ? outcome.status : 'not there');
}

function leaseLost(id: string, status: string): MillraceError {
  return new MillraceError(
    'stale_token',
    `Job ${id} is ${status}, or another worker has it. Stop working on it: its lease is not yours any more.`,
    { detail: { job_id: id } },
  );
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
