import type { JobRecord } from '../../engine/job.ts';
import type {
  DeadLetterFilter,
  InstanceFilter,
  InstanceSummary,
  PurgeAges,
  Purged,
  PurgeRange,
} from '../../engine/ports/record-store.ts';
import type { InstanceRecord } from '../../engine/workflow.ts';

/** What the statements on ended jobs and instances ask of a row, as functions. */
export function isDeadLetter(job: JobRecord, filter: DeadLetterFilter): boolean {
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

export function matchesInstance(
  instance: InstanceRecord,
  { status, name, foreignId, before }: InstanceFilter,
): boolean {
  return (
    (status === undefined || instance.status === status) &&
    (name === undefined || instance.name === name) &&
    (foreignId === undefined || instance.foreignId === foreignId) &&
    (before === undefined || instance.id < before)
  );
}

export function summaryOf(instance: InstanceRecord): InstanceSummary {
  const { steps, outputs: _, version: __, ...summary } = instance;
  return { ...summary, totalSteps: steps.length };
}

export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

interface Ended {
  readonly id: string;
  readonly status: string;
  readonly completedAt: Date | null;
}

/** The rows of one step of the walk that are older than they are kept for. */
export function purgeable<Row extends Ended>(
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
