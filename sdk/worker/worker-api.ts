import type { JobStatus } from '../../engine/job.ts';
import type { ClaimToken, JobId } from '../../events/ids.ts';

/**
 * What a worker needs of Millrace. Every call may be repeated, takes any number of entries, and answers in the order of
 * the request. All reject with a MillraceError: `unavailable` when the API could not be reached in time.
 */
export interface WorkerApi {
  /** @param publishedAt for each id the time of its record, in milliseconds since the epoch: for metrics only */
  claim(ids: readonly JobId[], signal?: AbortSignal, publishedAt?: readonly number[]): Promise<ClaimAnswer[]>;
  heartbeat(leases: readonly Lease[], signal?: AbortSignal): Promise<HeartbeatAnswer[]>;
  complete(results: readonly JobResult[], signal?: AbortSignal): Promise<SettleAnswer[]>;
  fail(failures: readonly JobFailure[], signal?: AbortSignal): Promise<SettleAnswer[]>;
  recordUndecodable(records: readonly Undecodable[], signal?: AbortSignal): Promise<void>;
}

export interface Lease {
  readonly id: JobId;
  readonly token: ClaimToken;
}

export interface JobResult extends Lease {
  /** JSON text. */
  readonly result: string;
  /** From the claim to this result, in milliseconds. */
  readonly heldMs?: number | undefined;
}

export interface JobFailure extends Lease {
  readonly error: string;
  readonly retryable: boolean;
  /** From now until the next attempt, in milliseconds, instead of the delay of the retry policy. */
  readonly retryAfterMs?: number | undefined;
}

export interface Undecodable {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly reason: string;
}

export type ClaimAnswer =
  | {
      readonly outcome: 'claimed';
      readonly token: ClaimToken;
      readonly attempt: number;
      readonly leaseUntil: Date;
      /** W3C trace context that the job was accepted with. */
      readonly traceparent?: string | undefined;
      readonly job: ClaimedJob;
    }
  | { readonly outcome: 'not_claimable'; readonly status: JobStatus; readonly attempt: number }
  | { readonly outcome: 'not_found' };

export interface ClaimedJob {
  readonly type: string;
  readonly maxRetries: number;
  readonly instanceId: string | null;
  readonly stepIndex: number | null;
  readonly idempotencyKey: string | null;
  readonly partitionKey: string | null;
  readonly priority: number;
  readonly createdAt: Date;
}

export type HeartbeatAnswer =
  | { readonly outcome: 'extended'; readonly leaseUntil: Date }
  | { readonly outcome: 'lost'; readonly status: JobStatus }
  | { readonly outcome: 'not_found' };

export type SettleAnswer =
  | { readonly outcome: 'settled' | 'refused'; readonly status: JobStatus }
  | { readonly outcome: 'not_found' };
