import type { JobId } from '../../events/ids.ts';
import type { AuditEntry, CommitUnit } from '../commit.ts';
import { type EngineDeps, limits } from '../deps.ts';
import type { JobStatus } from '../job.ts';
import { nextDispatch } from '../new-job.ts';
import type { DeadLetterFilter, LoadedJob } from '../ports/record-store.ts';
import type { OnBehalf } from './cancel.ts';
import { instanceUnit } from './instance-unit.ts';
import { contention, MAX_ROUNDS } from './settle.ts';

export type RedriveOutcome =
  | { readonly kind: 'queued' }
  /** Only a dead letter and a cancelled job can be queued again. */
  | { readonly kind: 'not_redrivable'; readonly status: JobStatus }
  /** The job's instance has gone past this step, or was completed. */
  | { readonly kind: 'instance_ended' }
  | { readonly kind: 'not_found' };

/**
 * Queues an ended job again, now, with its whole budget of retries. Its attempts are counted on and stay on record; the
 * instance that ended with this step goes on from it.
 */
export async function redriveJob(deps: EngineDeps, id: JobId, on: OnBehalf): Promise<RedriveOutcome> {
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const [loaded] = await deps.store.load([id]);
    if (!loaded) return { kind: 'not_found' };
    const { status } = loaded.job;
    if (status !== 'dead_letter' && status !== 'cancelled') return { kind: 'not_redrivable', status };
    const unit = await redriveUnit(deps, loaded, on);
    if (!unit) return { kind: 'instance_ended' };
    const [outcome] = await deps.store.commit({ units: [unit] });
    if (outcome === 'applied') return { kind: 'queued' };
  }
  throw contention();
}

export interface RedriveRequest extends OnBehalf {
  readonly filter: DeadLetterFilter;
  /** At most so many; all unless given. */
  readonly limit?: number | undefined;
  /** Only counts. */
  readonly dryRun: boolean;
}

export interface RedriveCount {
  readonly matched: number;
  readonly redriven: number;
}

/**
 * Queues the dead letters that the filter describes, the oldest first, a thousand a transaction. Each is met once, so that
 * one that fails again at once does not come round for ever; one that somebody else redrives meanwhile is left to them.
 */
export async function redriveDeadLetters(deps: EngineDeps, request: RedriveRequest): Promise<RedriveCount> {
  const { filter, dryRun, limit = Number.POSITIVE_INFINITY } = request;
  let [matched, redriven] = [0, 0];
  let after: JobId | undefined;
  while (matched < limit) {
    const size = Math.min(limits.batchJobs, limit - matched);
    const ids = await deps.store.deadLetterIds(filter, { after, limit: size });
    matched += ids.length;
    if (!dryRun) redriven += await redriveBatch(deps, ids, request);
    if (ids.length < size) break;
    after = ids.at(-1);
  }
  return { matched, redriven };
}

async function redriveBatch(deps: EngineDeps, ids: readonly JobId[], on: OnBehalf): Promise<number> {
  const loaded = await deps.store.load(ids);
  const units: CommitUnit[] = [];
  for (const entry of loaded) {
    const unit = entry.job.status === 'dead_letter' ? await redriveUnit(deps, entry, on) : undefined;
    if (unit) units.push(unit);
  }
  const outcomes = await deps.store.commit({ units });
  return outcomes.filter((outcome) => outcome === 'applied').length;
}

/** @returns undefined when the job's instance cannot take it back */
async function redriveUnit(
  deps: EngineDeps,
  { job, instance }: LoadedJob,
  { actor, reason }: OnBehalf,
): Promise<CommitUnit | undefined> {
  const event = { kind: 'jobRedriven', activation: job.stepIndex ?? 0 } as const;
  const decided = instance && (await instanceUnit(deps, instance, { actor, event }));
  if (decided && decided.kind !== 'changed') return undefined;
  const detail = { from: job.status, attempt: job.attempt, ...(reason === undefined ? {} : { reason }) };
  const redriven: AuditEntry = { action: 'REDRIVEN', actor, jobId: job.id, detail };
  const rest = decided?.unit ?? { enqueue: [], audit: [] };
  return {
    ...rest,
    job: {
      id: job.id,
      expect: { status: job.status, attempt: job.attempt },
      // With limits it stands in line again.
      status: job.limits ? 'pending' : 'queued',
      freshRetries: true,
      ...(deps.mode === 'kafka_outbox' && !job.limits
        ? { dispatch: nextDispatch({ ...job, attemptBase: job.attempt }) }
        : {}),
    },
    audit: [redriven, ...rest.audit],
  };
}
