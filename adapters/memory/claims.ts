import type { JobRecord } from '../../engine/job.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type {
  ClaimOutcome,
  ClaimRequest,
  CompleteOutcome,
  Completion,
  HeartbeatOutcome,
  LeaseProof,
  PollRequest,
} from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { changedJob } from './job-states.ts';
import { byTurn, claimToken, later, withinBytes } from './leases.ts';
import type { MemoryLimits } from './limits.ts';
import type { MemoryWorkflows } from './workflows.ts';

interface Tables {
  readonly clock: Pick<Clock, 'now'>;
  readonly jobs: Map<JobId, JobRecord>;
  readonly workflows: MemoryWorkflows;
  readonly limits: MemoryLimits;
}

/** Who has which job, from the claim to the completion. */
export class MemoryClaims {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  claim({ claimId, ids, workerId, leaseMs }: ClaimRequest): ClaimOutcome[] {
    return ids.map((id) => {
      const job = this.#tables.jobs.get(id);
      if (!job) return { kind: 'not_found' };
      const { status, attempt } = job;
      if (status === 'running' && job.token === claimToken(claimId, id, attempt))
        return { kind: 'claimed', job };
      if (status !== 'queued') return { kind: 'not_claimable', status, attempt };
      return { kind: 'claimed', job: this.#lease(job, { claimId, workerId, leaseMs }) };
    });
  }

  poll(request: PollRequest): JobRecord[] {
    const { types, claimId, again, limit, payloadBytes } = request;
    const ofPoll = (job: JobRecord) =>
      again
        ? job.status === 'running' && job.token === claimToken(claimId, job.id, job.attempt)
        : job.status === 'queued' && types.includes(job.type);
    const found = [...this.#tables.jobs.values()].filter(ofPoll).sort(byTurn);
    if (again) return found.map((job) => this.#extend(job, request.leaseMs));
    return withinBytes(found.slice(0, limit), payloadBytes).map((job) => this.#lease(job, request));
  }

  giveBack(taken: readonly JobRecord[]): number {
    const held = taken.flatMap(({ id, token, leaseUntil }) => {
      const job = this.#tables.jobs.get(id);
      const isSame = job?.status === 'running' && job.token === token && job.leaseUntil === leaseUntil;
      return isSame ? [job] : [];
    });
    for (const job of held) {
      const unclaimed = { token: null, workerId: null, leaseUntil: null, startedAt: null };
      this.#tables.limits.notStarted(job);
      this.#save({
        ...job,
        ...unclaimed,
        status: 'queued',
        attempt: job.attempt - 1,
        updatedAt: this.#tables.clock.now(),
      });
    }
    return held.length;
  }

  heartbeat(leases: readonly LeaseProof[], leaseMs: number): HeartbeatOutcome[] {
    return leases.map(({ id, token }) => {
      const job = this.#tables.jobs.get(id);
      if (!job) return { kind: 'not_found' };
      if (job.status !== 'running' || job.token !== token) return { kind: 'lost', status: job.status };
      const { leaseUntil } = this.#extend(job, leaseMs);
      return { kind: 'extended', leaseUntil };
    });
  }

  complete(completions: readonly Completion[]): CompleteOutcome[] {
    return completions.map(({ id, token, result }) => {
      const job = this.#tables.jobs.get(id);
      if (!job) return { kind: 'not_found' };
      if (job.token === token && job.status === 'completed') return { kind: 'completed', repeated: true };
      if (job.token !== token || job.status !== 'running') return { kind: 'refused', status: job.status };
      if (job.instanceId !== null)
        return { kind: 'step', loaded: { job, instance: this.#tables.workflows.load(job.instanceId) } };
      const expect = { status: job.status, attempt: job.attempt, token };
      this.#save(changedJob(job, { id, expect, status: 'completed', result }, this.#tables.clock.now()));
      return { kind: 'completed' };
    });
  }

  #lease(
    job: JobRecord,
    claim: Pick<PollRequest, 'claimId' | 'workerId' | 'leaseMs' | 'lenient'>,
  ): JobRecord {
    const { claimId, workerId, leaseMs, lenient = false } = claim;
    const attempt = job.attempt + 1;
    const token = claimToken(claimId, job.id, attempt);
    const now = this.#tables.clock.now();
    const leaseUntil = later(now, leaseMs);
    const lease = { token, workerId, leaseUntil, lenientLease: lenient, startedAt: now, updatedAt: now };
    const running = this.#save({ ...job, ...lease, status: 'running', attempt });
    this.#tables.limits.started(running);
    return running;
  }

  #extend(job: JobRecord, leaseMs: number) {
    const now = this.#tables.clock.now();
    const extended = { ...job, leaseUntil: later(now, leaseMs), updatedAt: now };
    this.#save(extended);
    return extended;
  }

  #save(job: JobRecord): JobRecord {
    this.#tables.jobs.set(job.id, job);
    return job;
  }
}
