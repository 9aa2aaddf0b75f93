import type { AuditEntry, NewJob } from '../../engine/commit.ts';
import { hasEnded, type JobRecord } from '../../engine/job.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { EnqueueOutcome } from '../../engine/ports/record-store.ts';
import { decideUnique } from '../../engine/unique.ts';
import type { JobId } from '../../events/ids.ts';
import { changedJob } from './job-states.ts';

interface Deps {
  readonly clock: Pick<Clock, 'now'>;
  readonly jobs: Map<JobId, JobRecord>;
  readonly note: (entry: AuditEntry) => void;
}

/** The idempotency keys of all jobs, and the unique keys of those that are open. */
export class MemoryKeys {
  readonly #deps: Deps;
  readonly #keys = new Map<string, { readonly jobId: JobId; readonly requestHash: Buffer | undefined }>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  remember({ id: jobId, idempotencyKey, requestHash }: NewJob): void {
    if (idempotencyKey !== undefined) this.#keys.set(idempotencyKey, { jobId, requestHash });
  }

  /** What the job's idempotency key leads to; undefined for a key that is new, or none. */
  known({ idempotencyKey, requestHash }: NewJob): EnqueueOutcome | undefined {
    const first = idempotencyKey === undefined ? undefined : this.#keys.get(idempotencyKey);
    const job = first && this.#deps.jobs.get(first.jobId);
    if (!job) return undefined;
    const same = requestHash !== undefined && first.requestHash?.equals(requestHash) === true;
    return same ? { kind: 'replayed', job } : { kind: 'conflict', jobId: job.id };
  }

  /** Makes room for a job with a unique key; or the open one stands for it. */
  joined(job: NewJob): EnqueueOutcome | undefined {
    if (!job.unique) return undefined;
    const { key } = job.unique;
    const open = [...this.#deps.jobs.values()].find(
      ({ type, uniqueKey, status }) => type === job.type && uniqueKey === key && !hasEnded(status),
    );
    if (!open) return undefined;
    const now = this.#deps.clock.now();
    const verdict = decideUnique(open, job.unique, { now, runAt: job.runAt });
    switch (verdict.kind) {
      case 'drop':
        return { kind: 'joined', job: open };
      case 'update': {
        const { payload, priority, maxRetries, retry = null, partitionKey = null, traceparent = null } = job;
        const changes = { payload, priority, maxRetries, retry, partitionKey, traceparent, updatedAt: now };
        return { kind: 'joined', job: this.#save({ ...open, ...changes, runAt: verdict.runAt }) };
      }
      case 'supersede': {
        const expect = { status: open.status, attempt: open.attempt };
        this.#save(changedJob(open, { id: open.id, expect, status: 'cancelled' }, now));
        const detail = { replaced_by: job.id };
        this.#deps.note({ action: 'JOB_CANCELLED', actor: 'engine', jobId: open.id, detail });
        return undefined;
      }
      case 'release':
        this.#save({ ...open, uniqueKey: null, updatedAt: now });
        return undefined;
      default:
        return verdict satisfies never;
    }
  }

  #save(job: JobRecord): JobRecord {
    this.#deps.jobs.set(job.id, job);
    return job;
  }
}
