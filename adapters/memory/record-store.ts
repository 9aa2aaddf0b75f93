import type {
  AuditEntry,
  CommitUnit,
  DispatchMessage,
  InstanceChange,
  NewInstance,
  NewJob,
} from '../../engine/commit.ts';
import { hasEnded, type JobRecord, type JobStatus } from '../../engine/job.ts';
import type { JobPolicy } from '../../engine/job-policy.ts';
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
  DefinitionFilter,
  DueInstance,
  EnqueueOutcome,
  HeartbeatOutcome,
  InstanceDetail,
  InstanceFilter,
  InstanceSummary,
  JobFilter,
  LeaseProof,
  LoadedJob,
  NewDefinition,
  Page,
  PollRequest,
  PurgeAges,
  Purged,
  PurgeRange,
  RecordStore,
  TypePolicy,
  UndecodableRecord,
  UserTask,
  UserTaskFilter,
} from '../../engine/ports/record-store.ts';
import type { DefinitionRecord } from '../../engine/workflow/definitions.ts';
import type { InstanceRecord } from '../../engine/workflow/instance-record.ts';
import type { InstanceId, JobId, StepId } from '../../events/ids.ts';
import { MemoryKeys } from './job-keys.ts';
import { changedJob, jobFromNew, meetsExpectation } from './job-states.ts';
import { MemoryJobTypes } from './job-types.ts';
import { byTurn, claimToken, later, withinBytes } from './leases.ts';
import { MemoryLifecycle } from './lifecycle.ts';
import { MemoryLimits } from './limits.ts';
import { MemoryScheduleStore } from './schedules.ts';
import { MemoryWorkflows } from './workflows.ts';

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
  readonly #types = new MemoryJobTypes();
  readonly #jobs = new Map<JobId, JobRecord>();
  readonly #workflows: MemoryWorkflows;
  readonly #keys: MemoryKeys;
  /** Queued again without a message, though dispatched before. */
  readonly #unsent = new Set<JobId>();
  readonly #lifecycle: MemoryLifecycle;
  readonly #limits: MemoryLimits;
  readonly schedules: MemoryScheduleStore;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#workflows = new MemoryWorkflows(clock);
    this.schedules = new MemoryScheduleStore(clock, (jobs, instances) => {
      for (const instance of instances) this.#begin(instance, 'api');
      for (const job of jobs) if (!this.#keys.known(job)) this.#insert(job);
    });
    this.#keys = new MemoryKeys({ clock, jobs: this.#jobs, note: (entry) => this.#note(entry) });
    this.#limits = new MemoryLimits({ clock, jobs: this.#jobs });
    this.#lifecycle = new MemoryLifecycle({
      clock,
      jobs: this.#jobs,
      workflows: this.#workflows,
      auditLog: this.auditLog,
    });
  }

  async registerTypes(types: readonly StepId[], policies?: ReadonlyMap<StepId, JobPolicy>): Promise<void> {
    this.#types.register(types, policies);
  }

  async listPolicies(): Promise<TypePolicy[]> {
    return this.#types.policies();
  }

  async listTypes(): Promise<StepId[]> {
    return this.#types.names();
  }

  async enqueue(
    jobs: readonly NewJob[],
    options: { readonly allOrNone?: boolean } = {},
  ): Promise<EnqueueOutcome[]> {
    const known = jobs.map((job) => this.#keys.known(job));
    if (options.allOrNone && known.some((outcome) => outcome?.kind === 'conflict')) {
      return known.map((outcome) => outcome ?? { kind: 'not_written' });
    }
    // Looked up again for each, because a key may stand twice in one call.
    return jobs.map((job) => this.#keys.known(job) ?? this.#keys.joined(job) ?? this.#insert(job));
  }

  async start(instances: readonly NewInstance[]): Promise<void> {
    for (const instance of instances) this.#begin(instance, 'api');
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
      const leaseUntil = later(this.#clock.now(), leaseMs);
      this.#save({ ...job, leaseUntil, updatedAt: this.#clock.now() });
      return { kind: 'extended', leaseUntil };
    });
  }

  async complete(completions: readonly Completion[]): Promise<CompleteOutcome[]> {
    return completions.map(({ id, token, result }) => {
      const job = this.#jobs.get(id);
      if (!job) return { kind: 'not_found' };
      if (job.token === token && job.status === 'completed') return { kind: 'completed', repeated: true };
      if (job.token !== token || job.status !== 'running') return { kind: 'refused', status: job.status };
      if (job.instanceId !== null) return { kind: 'step', loaded: this.#load(job) };
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

  async loadInstance(id: InstanceId): Promise<InstanceRecord | undefined> {
    return this.#workflows.load(id);
  }

  async getInstance(id: InstanceId): Promise<InstanceDetail | undefined> {
    const instance = this.#workflows.load(id);
    if (!instance) return undefined;
    const jobs = this.#jobsWhere(({ instanceId }) => instanceId === id);
    jobs.sort((a, b) => (a.stepIndex ?? 0) - (b.stepIndex ?? 0));
    return { instance, jobs, history: this.#workflows.historyOf(id) };
  }

  async dueInstances(limit: number): Promise<DueInstance[]> {
    return this.#workflows.due(limit);
  }

  async nextInstanceDueMs(): Promise<number | undefined> {
    return this.#workflows.nextDueMs();
  }

  async getDefinition(id: string, version?: number): Promise<DefinitionRecord | undefined> {
    return this.#workflows.getDefinition(id, version);
  }

  async putDefinition(definition: NewDefinition): Promise<DefinitionRecord> {
    return this.#workflows.putDefinition(definition);
  }

  async listDefinitions(filter: DefinitionFilter): Promise<DefinitionRecord[]> {
    return this.#workflows.listDefinitions(filter);
  }

  async listUserTasks(filter: UserTaskFilter): Promise<UserTask[]> {
    return this.#workflows.listUserTasks(filter);
  }

  async load(ids: readonly JobId[]): Promise<LoadedJob[]> {
    return (await this.getJobs(ids)).map((job) => this.#load(job));
  }

  listJobs(filter: JobFilter): Promise<JobRecord[]> {
    return this.#lifecycle.listJobs(filter);
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

  dueJobs(limit: number): Promise<JobRecord[]> {
    return this.#lifecycle.dueJobs(limit);
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
    return this.#jobsWhere(
      ({ id, status, dispatches }) => status === 'queued' && (dispatches === 0 || this.#unsent.has(id)),
    ).slice(0, limit);
  }

  unclaimedJobs(olderThanMs: number, limit: number): Promise<JobRecord[]> {
    return this.#lifecycle.unclaimedJobs(olderThanMs, limit);
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

  async listInstances(filter: InstanceFilter): Promise<InstanceSummary[]> {
    return this.#workflows.list(filter);
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
    const job = unit.job && this.#jobs.get(unit.job.id);
    const instance = unit.instance && this.#workflows.load(unit.instance.id);
    if (unit.job && !(job && meetsExpectation(job, unit.job, now))) return 'conflict';
    if (unit.instance && instance?.version !== unit.instance.expectedVersion) return 'conflict';
    if (unit.job && job) this.#save(changedJob(job, unit.job, now));
    if (unit.instance && instance) {
      this.#workflows.change(instance, unit.instance);
      this.#endJobs(unit.instance);
    }
    if (unit.job?.dispatch) this.outbox.push(unit.job.dispatch);
    if (unit.job && job) {
      if (unit.job.status === 'queued' && !unit.job.dispatch) this.#unsent.add(job.id);
      else this.#unsent.delete(job.id);
    }
    for (const started of unit.start ?? []) this.#begin(started, 'engine');
    for (const added of unit.enqueue) this.#insert(added);
    for (const entry of unit.audit) this.#note(entry);
    return 'applied';
  }

  #begin(instance: NewInstance, actor: string): void {
    const { id: instanceId, jobs } = instance;
    this.#workflows.begin(instance);
    for (const job of jobs) this.#insert(job);
    const [first] = jobs;
    const entry = { action: 'WORKFLOW_STARTED', actor, instanceId } as const;
    this.#note(first ? { ...entry, jobId: first.id } : entry);
  }

  #endJobs({ id: instanceId, endJobs }: InstanceChange): void {
    if (!endJobs) return;
    const { activations, actor, reason } = endJobs;
    const open = this.#jobsWhere(
      (job) =>
        job.instanceId === instanceId && activations.includes(job.stepIndex ?? -1) && !hasEnded(job.status),
    );
    for (const job of open) {
      const { id, status: from, attempt } = job;
      const ended = from === 'running' ? { endedAttempt: { attempt, error: 'Cancelled.' } } : {};
      const change = { id, expect: { status: from, attempt }, status: 'cancelled', ...ended } as const;
      this.#save(changedJob(job, change, this.#clock.now()));
      const detail = reason === undefined ? { from } : { from, reason };
      this.#note({ action: 'JOB_CANCELLED', actor, jobId: id, instanceId, detail });
    }
  }

  #insert(job: NewJob): EnqueueOutcome {
    if (this.#jobs.has(job.id)) throw new Error(`Job ${job.id} exists. Give each job an id of its own.`);
    this.#save(jobFromNew(job, this.#clock.now()));
    this.#keys.remember(job);
    if (job.dispatch) this.outbox.push(job.dispatch);
    return { kind: 'created' };
  }

  #lease(job: JobRecord, claim: Pick<ClaimRequest, 'claimId' | 'workerId' | 'leaseMs'>): JobRecord {
    const { claimId, workerId, leaseMs } = claim;
    const attempt = job.attempt + 1;
    const token = claimToken(claimId, job.id, attempt);
    const now = this.#clock.now();
    const leaseUntil = later(now, leaseMs);
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
    return { job, instance: job.instanceId === null ? undefined : this.#workflows.load(job.instanceId) };
  }

  #jobsWhere(condition: (job: JobRecord) => boolean): JobRecord[] {
    return [...this.#jobs.values()].filter(condition);
  }
}
