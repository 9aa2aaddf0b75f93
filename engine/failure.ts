import type { ClaimToken } from '../events/ids.ts';
import { instanceUnit } from './commands/instance-unit.ts';
import type { JobUnit } from './commands/settle.ts';
import type { AuditEntry, JobChange } from './commit.ts';
import type { EngineDeps } from './deps.ts';
import type { JobRecord } from './job.ts';
import type { LoadedJob } from './ports/record-store.ts';
import { retryDelayMs, withSettings } from './retry-policy.ts';

export interface FailedAttempt {
  readonly error: string;
  readonly retryable: boolean;
  /** When the worker says that it should be tried again, in milliseconds from now, instead of the policy's delay. */
  readonly retryAfterMs?: number | undefined;
  /** The proof a worker showed; absent when the attempt is ended because its lease ran out. */
  readonly token?: ClaimToken;
  readonly leaseExpired?: boolean;
  /** The attempt does not count. */
  readonly lost?: boolean;
  readonly actor?: string;
}

/** What a failed attempt leads to: a retry after a delay, or the dead letters and what that means for the instance. */
export async function failureUnit(
  deps: EngineDeps,
  loaded: LoadedJob,
  failure: FailedAttempt,
): Promise<JobUnit> {
  const { job, instance } = loaded;
  const left = failure.lost || job.attempt - job.attemptBase <= job.maxRetries;
  const retry = failure.retryable && left;
  const change = jobChange(deps, job, { failure, retry });
  const audit: AuditEntry = {
    action: retry ? 'JOB_RETRYING' : 'JOB_DEAD_LETTER',
    actor: failure.actor ?? 'engine',
    jobId: job.id,
    ...(job.instanceId ? { instanceId: job.instanceId } : {}),
    detail: {
      attempt: job.attempt,
      ...(retry ? { delay_ms: change.delayMs } : { retryable: failure.retryable }),
    },
  };
  const alone: JobUnit = { job: change, enqueue: [], audit: [audit] };
  if (retry || !instance) return alone;
  const decided = await instanceUnit(deps, instance, {
    actor: 'engine',
    traceparent: job.traceparent ?? undefined,
    event: { kind: 'jobFailed', activation: job.stepIndex ?? 0, reason: failure.error },
  });
  if (decided.kind !== 'changed') return alone;
  return { ...decided.unit, job: change, audit: [audit, ...decided.unit.audit] };
}

function jobChange(
  deps: EngineDeps,
  job: JobRecord,
  end: { failure: FailedAttempt; retry: boolean },
): JobChange {
  const { failure, retry } = end;
  return {
    id: job.id,
    expect: {
      status: job.status,
      attempt: job.attempt,
      ...(failure.token ? { token: failure.token } : {}),
      ...(failure.leaseExpired ? { leaseExpired: true } : {}),
    },
    status: retry ? 'retrying' : 'dead_letter',
    lastError: failure.error,
    endedAttempt: { attempt: job.attempt, error: failure.error },
    ...(retry ? { delayMs: failure.retryAfterMs ?? policyDelayMs(deps, job) } : {}),
    ...(retry && failure.lost ? { attemptIsLost: true } : {}),
  };
}

/** Counted from the last redrive: after it the delays begin anew. */
function policyDelayMs(deps: EngineDeps, job: JobRecord): number {
  const policy = withSettings(deps.retryPolicy, job.retry);
  return retryDelayMs(policy, job.attempt - job.attemptBase, deps.random());
}
