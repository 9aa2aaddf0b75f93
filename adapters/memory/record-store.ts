import type { AuditEntry, CommitUnit, DispatchMessage, NewInstance, NewJob } from '../../engine/commit.ts';
import type { JobRecord, JobStatus } from '../../engine/job.ts';
import type { JobPolicy } from '../../engine/job-policy.ts';
import type { LimitUsage } from '../../engine/limits.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { DefinitionPageFilter, InstancePageFilter, Paged } from '../../engine/ports/paged-reads.ts';
import type {
  AuditRecord,
  BacklogAges,
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
import { MemoryClaims } from './claims.ts';
import { type AuditRow, MemoryCommits } from './commits.ts';
import { MemoryJobTypes } from './job-types.ts';
import { MemoryLifecycle } from './lifecycle.ts';
import { MemoryLimits } from './limits.ts';
import { MemoryScheduleStore } from './schedules.ts';
import { MemoryWorkflows } from './workflows.ts';

/**
 * The store in this process's memory, for tests and for trying things out. Each call is one uninterrupted piece of
 * JavaScript, which makes it a transaction. Nothing survives the process. Long because the port is: it mostly hands over.
 */
export class MemoryRecordStore implements RecordStore {
  readonly undecodable: UndecodableRecord[] = [];
  readonly schedules: MemoryScheduleStore;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #types = new MemoryJobTypes();
  readonly #jobs = new Map<JobId, JobRecord>();
  readonly #workflows: MemoryWorkflows;
  readonly #commits: MemoryCommits;
  readonly #limits: MemoryLimits;
  readonly #claims: MemoryClaims;
  readonly #lifecycle: MemoryLifecycle;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    const jobs = this.#jobs;
    const workflows = new MemoryWorkflows(clock);
    this.#workflows = workflows;
    this.#commits = new MemoryCommits({ clock, jobs, workflows });
    this.#limits = new MemoryLimits({ clock, jobs });
    this.#claims = new MemoryClaims({ clock, jobs, workflows, limits: this.#limits });
    this.#lifecycle = new MemoryLifecycle({ clock, jobs, workflows, auditLog: this.auditLog });
    this.schedules = new MemoryScheduleStore(clock, (added, instances) => {
      for (const instance of instances) this.#commits.begin(instance, 'api');
      this.#commits.enqueue(added, false);
    });
  }

  /** What the relay would publish, in order. Nobody removes it: tests look at it. */
  get outbox(): readonly DispatchMessage[] {
    return this.#commits.outbox;
  }

  get auditLog(): AuditRow[] {
    return this.#commits.auditLog;
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
    return this.#commits.enqueue(jobs, options.allOrNone ?? false);
  }

  async start(instances: readonly NewInstance[]): Promise<void> {
    for (const instance of instances) this.#commits.begin(instance, 'api');
  }

  async claim(request: ClaimRequest): Promise<ClaimOutcome[]> {
    return this.#claims.claim(request);
  }

  async poll(request: PollRequest): Promise<JobRecord[]> {
    return this.#claims.poll(request);
  }

  async giveBack(taken: readonly JobRecord[]): Promise<number> {
    return this.#claims.giveBack(taken);
  }

  async heartbeat(leases: readonly LeaseProof[], leaseMs: number): Promise<HeartbeatOutcome[]> {
    return this.#claims.heartbeat(leases, leaseMs);
  }

  async complete(completions: readonly Completion[]): Promise<CompleteOutcome[]> {
    return this.#claims.complete(completions);
  }

  async commit({ units }: { readonly units: readonly CommitUnit[] }): Promise<CommitOutcome[]> {
    return units.map((unit) => this.#commits.apply(unit));
  }

  async audit(entries: readonly AuditEntry[]): Promise<void> {
    for (const entry of entries) this.#commits.note(entry);
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
      ({ id, status, dispatches }) => status === 'queued' && (dispatches === 0 || this.#commits.isUnsent(id)),
    ).slice(0, limit);
  }

  unclaimedJobs(olderThanMs: number, limit: number, backlogsMs?: BacklogAges): Promise<JobRecord[]> {
    return this.#lifecycle.unclaimedJobs(olderThanMs, limit, backlogsMs);
  }

  async admit(
    limit: number,
    decide: (waiting: readonly JobRecord[], usage: LimitUsage) => readonly CommitUnit[],
  ): Promise<number> {
    const units = this.#limits.admit(limit, decide);
    return units.filter((unit) => this.#commits.apply(unit) === 'applied').length;
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

  async pageInstances(filter: InstancePageFilter): Promise<Paged<InstanceRecord>> {
    return this.#workflows.page(filter);
  }

  async pageDefinitions(filter: DefinitionPageFilter): Promise<Paged<DefinitionRecord>> {
    return this.#workflows.pageDefinitions(filter);
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

  #load(job: JobRecord): LoadedJob {
    return { job, instance: job.instanceId === null ? undefined : this.#workflows.load(job.instanceId) };
  }

  #jobsWhere(condition: (job: JobRecord) => boolean): JobRecord[] {
    return [...this.#jobs.values()].filter(condition);
  }
}
