import type { ClaimToken } from '../events/ids.ts';
import type { AuditEntry, CommitUnit, JobChange } from './commit.ts';
import type { EngineDeps } from './deps.ts';
import type { JobRecord } from './job.ts';
import type { LoadedJob } from './ports/record-store.ts';
import { retryDelayMs, withSettings } from './retry-policy.ts';
import type { InstanceRecord } from './workflow.ts';

export interface FailedAttempt {
  readonly error: string;
  readonly retryable: boolean;
  /** When the worker says that it should be tried again, in milliseconds from now, instead of the policy's delay. */
  readonly retryAfterMs?: number | undefined;
  /** The proof a worker showed; absent when the attempt is ended because its lease ran out. */
  readonly token?: ClaimToken;
  readonly leaseExpired?: boolean;
  readonly actor?: string;
}

/** What a failed attempt leads to: a retry after a delay, or the dead letters and the end of the instance. */
export function failureUnit(deps: EngineDeps, loaded: LoadedJob, failure: FailedAttempt): CommitUnit {
  const { job, instance } = loaded;
  const retry = failure.retryable && job.attempt - job.attemptBase <= job.maxRetries;
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
  if (retry || instance?.status !== 'running') return { job: change, enqueue: [], audit: [audit] };
  const step = instance.steps[job.stepIndex ?? 0]?.name ?? String(job.stepIndex);
  const unit = failedInstanceUnit(instance, {
    job: change,
    reason: `Step "${step}" failed: ${failure.error}`,
  });
  return { ...unit, audit: [audit, ...unit.audit] };
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
  };
}

/** Counted from the last redrive: after it the delays begin anew. */
function policyDelayMs(deps: EngineDeps, job: JobRecord): number {
  const policy = withSettings(deps.retryPolicy, job.retry);
  return retryDelayMs(policy, job.attempt - job.attemptBase, deps.random());
}

/** Ends an instance as failed, together with the move of the job that ended it. */
export function failedInstanceUnit(
  instance: InstanceRecord,
  end: { readonly job: JobChange; readonly reason: string; readonly output?: string },
): CommitUnit {
  return {
    job: end.job,
    instance: {
      id: instance.id,
      expectedVersion: instance.version,
      status: 'failed',
      currentStep: instance.currentStep,
      failureReason: end.reason,
      ...(end.output === undefined ? {} : { output: end.output }),
    },
    enqueue: [],
    audit: [{ action: 'WORKFLOW_FAILED', actor: 'engine', jobId: end.job.id, instanceId: instance.id }],
  };
}
