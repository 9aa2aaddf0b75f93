import type {
  AuditEntry,
  CommitUnit,
  DispatchMessage,
  InstanceChange,
  NewInstance,
  NewJob,
} from '../../engine/commit.ts';
import { hasEnded, type JobRecord } from '../../engine/job.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { CommitOutcome, EnqueueOutcome } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { MemoryKeys } from './job-keys.ts';
import { changedJob, jobFromNew, meetsExpectation } from './job-states.ts';
import type { MemoryWorkflows } from './workflows.ts';

export type AuditRow = AuditEntry & { readonly at: Date };

interface Tables {
  readonly clock: Pick<Clock, 'now'>;
  readonly jobs: Map<JobId, JobRecord>;
  readonly workflows: MemoryWorkflows;
}

/** What writes jobs and instances: new ones, and the units of a commit, each whole or not at all. */
export class MemoryCommits {
  readonly outbox: DispatchMessage[] = [];
  readonly auditLog: AuditRow[] = [];
  readonly #tables: Tables;
  readonly #keys: MemoryKeys;
  /** Queued again without a message, though dispatched before. */
  readonly #unsent = new Set<JobId>();

  constructor(tables: Tables) {
    this.#tables = tables;
    const { clock, jobs } = tables;
    this.#keys = new MemoryKeys({ clock, jobs, note: (entry) => this.note(entry) });
  }

  enqueue(jobs: readonly NewJob[], allOrNone: boolean): EnqueueOutcome[] {
    const known = jobs.map((job) => this.#keys.known(job));
    if (allOrNone && known.some((outcome) => outcome?.kind === 'conflict')) {
      return known.map((outcome) => outcome ?? { kind: 'not_written' });
    }
    // Looked up again for each, because a key may stand twice in one call.
    return jobs.map((job) => this.#keys.known(job) ?? this.#keys.joined(job) ?? this.#insert(job));
  }

  begin(instance: NewInstance, actor: string): void {
    const { id: instanceId, jobs } = instance;
    this.#tables.workflows.begin(instance);
    for (const job of jobs) this.#insert(job);
    const [first] = jobs;
    const entry = { action: 'WORKFLOW_STARTED', actor, instanceId } as const;
    this.note(first ? { ...entry, jobId: first.id } : entry);
  }

  apply(unit: CommitUnit): CommitOutcome {
    const now = this.#tables.clock.now();
    const job = unit.job && this.#tables.jobs.get(unit.job.id);
    const instance = unit.instance && this.#tables.workflows.load(unit.instance.id);
    if (unit.job && !(job && meetsExpectation(job, unit.job, now))) return 'conflict';
    if (unit.instance && instance?.version !== unit.instance.expectedVersion) return 'conflict';
    if (unit.job && job) this.#save(changedJob(job, unit.job, now));
    if (unit.instance && instance) {
      this.#tables.workflows.change(instance, unit.instance);
      this.#endJobs(unit.instance);
    }
    if (unit.job?.dispatch) this.outbox.push(unit.job.dispatch);
    if (unit.job && job) {
      if (unit.job.status === 'queued' && !unit.job.dispatch) this.#unsent.add(job.id);
      else this.#unsent.delete(job.id);
    }
    for (const started of unit.start ?? []) this.begin(started, 'engine');
    for (const added of unit.enqueue) this.#insert(added);
    for (const entry of unit.audit) this.note(entry);
    return 'applied';
  }

  note(entry: AuditEntry): void {
    this.auditLog.push({ ...entry, at: this.#tables.clock.now() });
  }

  isUnsent(id: JobId): boolean {
    return this.#unsent.has(id);
  }

  #endJobs({ id: instanceId, endJobs }: InstanceChange): void {
    if (!endJobs) return;
    const { activations, actor, reason } = endJobs;
    const open = [...this.#tables.jobs.values()].filter(
      (job) =>
        job.instanceId === instanceId && activations.includes(job.stepIndex ?? -1) && !hasEnded(job.status),
    );
    for (const job of open) {
      const { id, status: from, attempt } = job;
      const ended = from === 'running' ? { endedAttempt: { attempt, error: 'Cancelled.' } } : {};
      const change = { id, expect: { status: from, attempt }, status: 'cancelled', ...ended } as const;
      this.#save(changedJob(job, change, this.#tables.clock.now()));
      const detail = reason === undefined ? { from } : { from, reason };
      this.note({ action: 'JOB_CANCELLED', actor, jobId: id, instanceId, detail });
    }
  }

  #insert(job: NewJob): EnqueueOutcome {
    if (this.#tables.jobs.has(job.id))
      throw new Error(`Job ${job.id} exists. Give each job an id of its own.`);
    this.#save(jobFromNew(job, this.#tables.clock.now()));
    this.#keys.remember(job);
    if (job.dispatch) this.outbox.push(job.dispatch);
    return { kind: 'created' };
  }

  #save(job: JobRecord): void {
    this.#tables.jobs.set(job.id, job);
  }
}
