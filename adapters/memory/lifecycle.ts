import type { AuditEntry } from '../../engine/commit.ts';
import type { JobRecord } from '../../engine/job.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type {
  BacklogAges,
  DeadLetterFilter,
  JobFilter,
  Page,
  PurgeAges,
  Purged,
  PurgeRange,
} from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import type { MemoryWorkflows } from './workflows.ts';

interface Tables {
  readonly clock: Pick<Clock, 'now'>;
  readonly jobs: Map<JobId, JobRecord>;
  readonly workflows: MemoryWorkflows;
  readonly auditLog: (AuditEntry & { readonly at: Date })[];
}

/** What becomes of jobs and instances after their work: the part of the memory store that ends, finds and removes them. */
export class MemoryLifecycle {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  async dueJobs(limit: number): Promise<JobRecord[]> {
    const now = this.#tables.clock.now();
    const due = this.#waiting().filter(({ runAt }) => runAt <= now);
    return due.sort((a, b) => a.runAt.getTime() - b.runAt.getTime()).slice(0, limit);
  }

  async unclaimedJobs(
    olderThanMs: number,
    limit: number,
    backlogsMs: BacklogAges = new Map(),
  ): Promise<JobRecord[]> {
    const before = this.#tables.clock.now().getTime() - olderThanMs;
    return this.#jobsWhere(
      ({ status, queuedAt, type }) =>
        status === 'queued' && queuedAt !== null && queuedAt.getTime() < before - (backlogsMs.get(type) ?? 0),
    ).slice(0, limit);
  }

  async nextDueMs(): Promise<number | undefined> {
    const waiting = this.#waiting();
    if (waiting.length === 0) return undefined;
    const soonest = Math.min(...waiting.map(({ runAt }) => runAt.getTime()));
    return Math.max(0, soonest - this.#tables.clock.now().getTime());
  }

  /** Those that wait for their time, not for a limit. */
  #waiting(): JobRecord[] {
    return this.#jobsWhere(
      ({ status, limits }) => !limits && (status === 'pending' || status === 'retrying'),
    );
  }

  async listJobs({ status, type, text, before, after, limit }: JobFilter): Promise<JobRecord[]> {
    const sought = text?.toLowerCase();
    const found = this.#jobsWhere(
      (job) =>
        (status === undefined || job.status === status) &&
        (type === undefined || job.type === type) &&
        (before === undefined || job.id < before) &&
        (after === undefined || job.id > after) &&
        (sought === undefined || searchedText(job).includes(sought)),
    );
    return found.sort(byId).reverse().slice(0, limit);
  }

  async listDeadLetters(filter: DeadLetterFilter, page: Page<'before'>): Promise<JobRecord[]> {
    const { before, limit } = page;
    const found = this.#jobsWhere(
      (job) => isDeadLetter(job, filter) && (before === undefined || job.id < before),
    );
    return found.sort(byId).reverse().slice(0, limit);
  }

  async deadLetterIds(filter: DeadLetterFilter, { after, limit }: Page<'after'>): Promise<JobId[]> {
    const found = this.#jobsWhere(
      (job) => isDeadLetter(job, filter) && (after === undefined || job.id > after),
    );
    return found
      .sort(byId)
      .slice(0, limit)
      .map(({ id }) => id);
  }

  async purgeJobs(ages: PurgeAges, range: PurgeRange): Promise<Purged> {
    const alone = this.#jobsWhere(({ instanceId }) => instanceId === null);
    const { old, purged } = purgeable(alone, ages, { ...range, now: this.#tables.clock.now() });
    for (const { id } of old) this.#tables.jobs.delete(id);
    return purged;
  }

  async purgeInstances(ages: PurgeAges, range: PurgeRange): Promise<Purged> {
    const all = [...this.#tables.workflows.instances.values()];
    const { old, purged } = purgeable(all, ages, { ...range, now: this.#tables.clock.now() });
    for (const { id } of old) {
      this.#tables.workflows.remove(id);
      for (const job of this.#jobsWhere(({ instanceId }) => instanceId === id))
        this.#tables.jobs.delete(job.id);
    }
    return purged;
  }

  async purgeTrail(olderThanMs: number, limit: number): Promise<number> {
    const before = new Date(this.#tables.clock.now().getTime() - olderThanMs);
    const isYoung = this.#tables.auditLog.slice(0, limit).findIndex(({ at }) => at >= before);
    return this.#tables.auditLog.splice(0, isYoung === -1 ? limit : isYoung).length;
  }

  #jobsWhere(condition: (job: JobRecord) => boolean): JobRecord[] {
    return [...this.#tables.jobs.values()].filter(condition);
  }
}

/** What the statements on ended jobs and instances ask of a row, as functions. */
function isDeadLetter(job: JobRecord, filter: DeadLetterFilter): boolean {
  const { ids, type, endedAfter, endedBefore, errorContains } = filter;
  const ended = job.completedAt;
  return (
    job.status === 'dead_letter' &&
    ended !== null &&
    (ids?.includes(job.id) ?? true) &&
    (type === undefined || job.type === type) &&
    (endedAfter === undefined || ended > endedAfter) &&
    (endedBefore === undefined || ended < endedBefore) &&
    (errorContains === undefined || (job.lastError ?? '').toLowerCase().includes(errorContains.toLowerCase()))
  );
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

interface Ended {
  readonly id: string;
  readonly status: string;
  readonly completedAt: Date | null;
}

/** The rows of one step of the walk that are older than they are kept for. */
function purgeable<Row extends Ended>(
  rows: readonly Row[],
  ages: PurgeAges,
  { after, limit, now }: PurgeRange & { readonly now: Date },
): { readonly old: readonly Row[]; readonly purged: Purged } {
  const walked = [...rows]
    .sort(byId)
    .filter(({ id }) => after === undefined || id > after)
    .slice(0, limit);
  const old = walked.filter(({ status, completedAt }) => {
    const isFailed = status === 'dead_letter' || status === 'failed';
    const keptMs = isFailed ? ages.failedMs : ages.completedMs;
    return completedAt !== null && keptMs !== undefined && completedAt.getTime() < now.getTime() - keptMs;
  });
  const next = walked.length < limit ? undefined : walked.at(-1)?.id;
  return { old, purged: { removed: old.length, next } };
}

function searchedText({ id, idempotencyKey, partitionKey, workerId, lastError, payload }: JobRecord): string {
  return [id, idempotencyKey, partitionKey, workerId, lastError, payload].join('\n').toLowerCase();
}
