import type { AuditEntry, CommitUnit, DispatchMessage, NewInstance, NewJob } from '../../engine/commit.ts';
import { hasEnded, type JobRecord, type JobStatus } from '../../engine/job.ts';
import type { LimitUsage } from '../../engine/limits.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type {
  AuditRecord,
  ClaimOutcome,
  ClaimRequest,
  CommitOutcome,
  CompleteOutcome,
  Completion,
  DeadLetterFilter,
  EnqueueOutcome,
  HeartbeatOutcome,
  InstanceCancellation,
  InstanceFilter,
  InstanceSummary,
  JobFilter,
  LeaseProof,
  LoadedJob,
  Page,
  PollRequest,
  PurgeAges,
  Purged,
  PurgeRange,
  RecordStore,
  UndecodableRecord,
} from '../../engine/ports/record-store.ts';
import { decideUnique } from '../../engine/unique.ts';
import type { InstanceRecord } from '../../engine/workflow.ts';
import type { InstanceId, JobId, StepId } from '../../events/ids.ts';
import { changedInstance, changedJob, instanceFromNew, jobFromNew, meetsExpectation } from './job-states.ts';
import { byTurn, claimToken, withinBytes } from './leases.ts';
import { MemoryLifecycle } from './lifecycle.ts';
import { MemoryLimits } from './limits.ts';
import { MemoryScheduleStore } from './schedules.ts';

export type AuditRow = AuditEntry & { readonly at: Date };

/**
 * The store in this process's memory, for tests and for trying things out. Each call is one uninterrupted piece of
 * JavaScript, which makes it a transaction. Nothing survives the process.
 */
export class MemoryRecordStore implements RecordStore {
  /** What the relay would publish, in order. Nobody removes it: tests look at it. */
  readonly outbox: DispatchMessage[] = [];
  readonly auditLog: AuditRow[] = [];
  readonly undecodable: UndecodableRecord[] = [];
  readonly #clock: Pick<Clock, 'now'>;
  readonly #types = new Set<StepId>();
  readonly #jobs = new Map<JobId, JobRecord>();
  readonly #instances = new Map<InstanceId, InstanceRecord>();
  readonly #keys = new Map<string, { readonly jobId: JobId; readonly requestHash: Buffer | undefined }>();

  readonly #lifecycle: MemoryLifecycle;
  readonly #limits: MemoryLimits;
  readonly schedules: MemoryScheduleStore;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.schedules = new MemoryScheduleStore(clock, (jobs) => {
      for (const job of jobs) if (!this.#knownKey(job)) this.#insert(job);
    });
    this.#limits = new MemoryLimits({ clock, jobs: this.#jobs });
    this.#lifecycle = new MemoryLifecycle({
      clock,
      jobs: this.#jobs,
      instances: this.#instances,
      auditLog: this.auditLog,
    });
  }

  async registerTypes(types: readonly StepId[]): Promise<void> {
    for (const type of types) this.#types.add(type);
  }

  async listTypes(): Promise<StepId[]> {
    return [...this.#types].sort();
  }

  async enqueue(
    jobs: readonly NewJob[],
    options: { readonly allOrNone?: boolean } = {},
  ): Promise<EnqueueOutcome[]> {
    const known = jobs.map((job) => this.#knownKey(job));
    if (options.allOrNone && known.some((outcome) => outcome?.kind === 'conflict')) {
      return known.map((outcome) => outcome ?? { kind: 'not_written' });
    }
    // Looked up again for each, because a key may stand twice in one call.
    return jobs.map((job) => this.#knownKey(job) ?? this.#joined(job) ?? this.#insert(job));
  }

  async start(instances: readonly NewInstance[]): Promise<void> {
    for (const instance of instances) {
      this.#instances.set(instance.id, instanceFromNew(instance, this.#clock.now()));
      this.#insert(instance.firstJob);
      this.#note({
        action: 'WORKFLOW_STARTED',
        actor: 'api',
        jobId: instance.firstJob.id,
        instanceId: instance.id,
      });
    }
  }

  async claim({ claimId, ids, workerId, leaseMs }: ClaimRequest): Promise<ClaimOutcome[]> {
    return ids.map((id) => {
      const job = this.#jobs.get(id);
      if (!job) return { kind: 'not_found' };
      const { status, attempt } = job;
      if (status === 'running' && job.token === claimToken(claimId, id, attempt))
        return { kind: 'claimed', job };
      if (status !== 'queued') return { kind: 'not_claimable', status, attempt };
      return { kind: 'claimed', job: this.#lease(job, { claimId, workerId, leaseMs }) };
    });
  }

  async poll(request: PollRequest): Promise<JobRecord[]> {
    const { types, claimId, again, limit, payloadBytes } = request;
    const ofPoll = (job: JobRecord) =>
      again
        ? job.status === 'running' && job.token === claimToken(claimId, job.id, job.attempt)
        : job.status === 'queued' && types.includes(job.type);
    const found = this.#jobsWhere(ofPoll).sort(byTurn);
    if (again) return found;
    return withinBytes(found.slice(0, limit), payloadBytes).map((job) => this.#lease(job, request));
  }

  async heartbeat(leases: readonly LeaseProof[], leaseMs: number): Promise<HeartbeatOutcome[]> {
    return leases.map(({ id, token }) => {
      const job = this.#jobs.get(id);
      if (!job) return { kind: 'not_found' };
      if (job.status !== 'running' || job.token !== token) return { kind: 'lost', status: job.status };
      const leaseUntil = this.#in(leaseMs);
      this.#save({ ...job, leaseUntil, updatedAt: this.#clock.now() });
      return { kind: 'extended', leaseUntil };
    });
  }

  async complete(completions: readonly Completion[]): Promise<CompleteOutcome[]> {
    return completions.map(({ id, token, result }) => {
      const job = this.#jobs.get(id);
      if (!job) return { kind: 'not_found' };
      if (job.token === token && job.status === 'completed') return { kind: 'completed' };
      if (job.token !== token || job.status !== 'running') return { kind: 'refused', status: job.status };
      if (job.instanceId !== null) return { kind: 'step' };
      const expect = { status: job.status, attempt: job.attempt, token };
      this.#save(changedJob(job, { id, expect, status: 'completed', result }, this.#clock.now()));
      return { kind: 'completed' };
    });
  }

  async commit({ units }: { readonly units: readonly CommitUnit[] }): Promise<CommitOutcome[]> {
    return units.map((unit) => this.#apply(unit));
  }

  async audit(entries: readonly AuditEntry[]): Promise<void> {
    for (const entry of entries) this.#note(entry);
  }

  async recordUndecodable(records: readonly UndecodableRecord[]): Promise<void> {
    for (const record of records) {
      const same = ({ topic, partition, offset }: UndecodableRecord) =>
        topic === record.topic && partition === record.partition && offset === record.offset;
      if (!this.undecodable.some(same)) this.undecodable.push(record);
    }
  }

  async getJobs(ids: readonly JobId[]): Promise<JobRecord[]> {
    return [...new Set(ids)].flatMap((id) => this.#jobs.get(id) ?? []);
  }

  async getInstance(id: InstanceId): Promise<{ instance: InstanceRecord; jobs: JobRecord[] } | undefined> {
    const instance = this.#instances.get(id);
    if (!instance) return undefined;
    const jobs = this.#jobsWhere(({ instanceId }) => instanceId === id);
    return { instance, jobs: jobs.sort((a, b) => (a.stepIndex ?? 0) - (b.stepIndex ?? 0)) };
  }

  async load(ids: readonly JobId[]): Promise<LoadedJob[]> {
    return (await this.getJobs(ids)).map((job) => this.#load(job));
  }

  async listJobs({ status, type, text, before, after, limit }: JobFilter): Promise<JobRecord[]> {
    const sought = text?.toLowerCase();
    return this.#jobsWhere(
      (job) =>
        (status === undefined || job.status === status) &&
        (type === undefined || job.type === type) &&
        (before === undefined || job.id < before) &&
        (after === undefined || job.id > after) &&
        (sought === undefined || searchedText(job).includes(sought)),
    )
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit);
  }

  async listAudit(subject: { jobId?: JobId; instanceId?: InstanceId }): Promise<AuditRecord[]> {
    const { jobId, instanceId } = subject;
    const about = (row: AuditRow) =>
      (jobId !== undefined && row.jobId === jobId) ||
      (instanceId !== undefined && row.instanceId === instanceId);
    return this.auditLog
      .filter(about)
      .map(({ at, actor, action, detail }) => ({ at, actor, action, detail: JSON.stringify(detail ?? {}) }));
  }

  async counts() {
    const count = (status: JobStatus) => this.#jobsWhere((job) => job.status === status).length;
    return { queueDepth: count('queued'), deadLetterDepth: count('dead_letter'), running: count('running') };
  }

  async dueJobs(limit: number): Promise<JobRecord[]> {
    const now = this.#clock.now();
    const due = this.#jobsWhere(
      ({ status, runAt, limits }) =>
        !limits && (status === 'pending' || status === 'retrying') && runAt <= now,
    );
    return due.sort((a, b) => a.runAt.getTime() - b.runAt.getTime()).slice(0, limit);
  }

  async expiredLeases(limit: number): Promise<LoadedJob[]> {
    const now = this.#clock.now();
    const expired = this.#jobsWhere(({ leaseUntil }) => leaseUntil !== null && leaseUntil < now);
    return expired.slice(0, limit).map((job) => this.#load(job));
  }

  /** Never: there is no log that could fill a disk. */
  async dispatchFallback(): Promise<boolean> {
    return false;
  }

  async undispatchedJobs(limit: number): Promise<JobRecord[]> {
    return this.#jobsWhere(({ status, dispatches }) => status === 'queued' && dispatches === 0).slice(
      0,
      limit,
    );
  }

  async unclaimedJobs(olderThanMs: number, limit: number): Promise<JobRecord[]> {
    const before = this.#in(-olderThanMs);
    return this.#jobsWhere(
      ({ status, queuedAt }) => status === 'queued' && queuedAt !== null && queuedAt < before,
    ).slice(0, limit);
  }

  async admit(
    limit: number,
    decide: (waiting: readonly JobRecord[], usage: LimitUsage) => readonly CommitUnit[],
  ): Promise<number> {
    const units = this.#limits.admit(limit, decide);
    return units.filter((unit) => this.#apply(unit) === 'applied').length;
  }

  async nextAdmissionMs(): Promise<number | undefined> {
    return this.#limits.nextAdmissionMs();
  }

  nextDueMs(): Promise<number | undefined> {
    return this.#lifecycle.nextDueMs();
  }

  cancelInstance(cancellation: InstanceCancellation): Promise<CommitOutcome> {
    return this.#lifecycle.cancelInstance(cancellation);
  }

  listInstances(filter: InstanceFilter): Promise<InstanceSummary[]> {
    return this.#lifecycle.listInstances(filter);
  }

  listDeadLetters(filter: DeadLetterFilter, page: Page<'before'>): Promise<JobRecord[]> {
    return this.#lifecycle.listDeadLetters(filter, page);
  }

  deadLetterIds(filter: DeadLetterFilter, page: Page<'after'>): Promise<JobId[]> {
    return this.#lifecycle.deadLetterIds(filter, page);
  }

  purgeJobs(ages: PurgeAges, range: PurgeRange): Promise<Purged> {
    return this.#lifecycle.purgeJobs(ages, range);
  }

  purgeInstances(ages: PurgeAges, range: PurgeRange): Promise<Purged> {
    return this.#lifecycle.purgeInstances(ages, range);
  }

  purgeTrail(olderThanMs: number, limit: number): Promise<number> {
    return this.#lifecycle.purgeTrail(olderThanMs, limit);
  }

  #apply(unit: CommitUnit): CommitOutcome {
    const now = this.#clock.now();
    const job = this.#jobs.get(unit.job.id);
    const instance = unit.instance && this.#instances.get(unit.instance.id);
    if (!job || !meetsExpectation(job, unit.job, now)) return 'conflict';
    if (unit.instance && instance?.version !== unit.instance.expectedVersion) return 'conflict';
    this.#save(changedJob(job, unit.job, now));
    if (unit.instance && instance) {
      this.#instances.set(instance.id, changedInstance(instance, unit.instance, now));
    }
    if (unit.job.dispatch) this.outbox.push(unit.job.dispatch);
    for (const added of unit.enqueue) this.#insert(added);
    for (const entry of unit.audit) this.#note(entry);
    return 'applied';
  }

  /** What the job's idempotency key leads to; undefined for a key that is new, or none. */
  #knownKey({ idempotencyKey, requestHash }: NewJob): EnqueueOutcome | undefined {
    const first = idempotencyKey === undefined ? undefined : this.#keys.get(idempotencyKey);
    const job = first && this.#jobs.get(first.jobId);
    if (!job) return undefined;
    const same = requestHash !== undefined && first.requestHash?.equals(requestHash) === true;
    return same ? { kind: 'replayed', job } : { kind: 'conflict', jobId: job.id };
  }

  /** Makes room for a job with a unique key; or the open one stands for it. */
  #joined(job: NewJob): EnqueueOutcome | undefined {
    if (!job.unique) return undefined;
    const { key } = job.unique;
    const [open] = this.#jobsWhere(
      ({ type, uniqueKey, status }) => type === job.type && uniqueKey === key && !hasEnded(status),
    );
    if (!open) return undefined;
    const now = this.#clock.now();
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
        this.#note({ action: 'JOB_CANCELLED', actor: 'engine', jobId: open.id, detail });
        return undefined;
      }
      case 'release':
        this.#save({ ...open, uniqueKey: null, updatedAt: now });
        return undefined;
      default:
        return verdict satisfies never;
    }
  }

  #insert(job: NewJob): EnqueueOutcome {
    if (this.#jobs.has(job.id)) throw new Error(`Job ${job.id} exists. Give each job an id of its own.`);
    this.#save(jobFromNew(job, this.#clock.now()));
    const { id, idempotencyKey, requestHash, dispatch } = job;
    if (idempotencyKey !== undefined) this.#keys.set(idempotencyKey, { jobId: id, requestHash });
    if (dispatch) this.outbox.push(dispatch);
    return { kind: 'created' };
  }

  #lease(job: JobRecord, claim: Pick<ClaimRequest, 'claimId' | 'workerId' | 'leaseMs'>): JobRecord {
    const { claimId, workerId, leaseMs } = claim;
    const attempt = job.attempt + 1;
    const token = claimToken(claimId, job.id, attempt);
    const [now, leaseUntil] = [this.#clock.now(), this.#in(leaseMs)];
    const lease = { token, workerId, leaseUntil, startedAt: now, updatedAt: now };
    const running = this.#save({ ...job, ...lease, status: 'running', attempt });
    this.#limits.started(running);
    return running;
  }

  #save(job: JobRecord): JobRecord {
    this.#jobs.set(job.id, job);
    return job;
  }

  #note(entry: AuditEntry): void {
    this.auditLog.push({ ...entry, at: this.#clock.now() });
  }

  #load(job: JobRecord): LoadedJob {
    return { job, instance: job.instanceId === null ? undefined : this.#instances.get(job.instanceId) };
  }

  #jobsWhere(condition: (job: JobRecord) => boolean): JobRecord[] {
    return [...this.#jobs.values()].filter(condition);
  }

  #in(milliseconds: number): Date {
    return new Date(this.#clock.now().getTime() + milliseconds);
  }
}

function searchedText({ id, idempotencyKey, partitionKey, workerId, lastError, payload }: JobRecord): string {
  return [id, idempotencyKey, partitionKey, workerId, lastError, payload].join('\n').toLowerCase();
}
