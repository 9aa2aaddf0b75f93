import type { InstanceId, JobId } from '../../events/ids.ts';
import type { CommitUnit } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { hasEnded, type JobRecord, type JobStatus } from '../job.ts';
import type { CommitOutcome, LoadedJob } from '../ports/record-store.ts';
import type { InstanceRecord } from '../workflow/instance-record.ts';
import type { InstanceStatus } from '../workflow/state.ts';
import { changeWorkflow } from './change-workflow.ts';
import { instanceUnit } from './instance-unit.ts';
import { contention, MAX_ROUNDS } from './settle.ts';

/** Who asked, and why: for the audit trail. */
export interface OnBehalf {
  readonly actor: string;
  readonly reason?: string | undefined;
}

export type CancelOutcome<Status> =
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'ended'; readonly status: Status }
  | { readonly kind: 'not_found' };

/**
 * Ends a job that has not ended. A running handler learns of it at its next heartbeat, and its result is refused. The
 * cancel of a step is that of its instance, since the steps after it could never run.
 */
export async function cancelJob(
  deps: EngineDeps,
  id: JobId,
  on: OnBehalf,
): Promise<CancelOutcome<JobStatus>> {
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const [loaded] = await deps.store.load([id]);
    if (!loaded) return { kind: 'not_found' };
    if (hasEnded(loaded.job.status)) return { kind: 'ended', status: loaded.job.status };
    if ((await applyCancel(deps, loaded, on)) === 'applied') return { kind: 'cancelled' };
  }
  throw contention();
}

/** Ends an instance and its open jobs in one transaction: no step of it begins afterwards. */
export async function cancelWorkflow(
  deps: EngineDeps,
  id: InstanceId,
  { actor, reason }: OnBehalf,
): Promise<CancelOutcome<InstanceStatus>> {
  const outcome = await changeWorkflow(deps, id, { actor, reason, event: { kind: 'cancelled', reason } });
  switch (outcome.kind) {
    case 'changed':
      return { kind: 'cancelled' };
    case 'refused':
      return { kind: 'ended', status: outcome.status };
    case 'not_found':
      return outcome;
    default:
      return outcome satisfies never;
  }
}

async function applyCancel(
  deps: EngineDeps,
  { job, instance }: LoadedJob,
  { actor, reason }: OnBehalf,
): Promise<CommitOutcome | undefined> {
  if (instance?.status === 'running' || instance?.status === 'paused') {
    const step = stepOf(instance, job);
    const why = `Step "${step}" was cancelled${reason === undefined ? '.' : `: ${reason}`}`;
    const event = { kind: 'cancelled', reason: why } as const;
    const decided = await instanceUnit(deps, instance, { actor, reason: why, event });
    if (decided.kind !== 'changed') return 'conflict';
    const [outcome] = await deps.store.commit({ units: [decided.unit] });
    return outcome;
  }
  const [outcome] = await deps.store.commit({ units: [cancelUnit(job, { actor, reason })] });
  return outcome;
}

function stepOf({ state }: InstanceRecord, { stepIndex }: JobRecord): string {
  const owner = state.tokens.find(
    ({ activation, each }) =>
      activation === stepIndex || each?.open.some((job) => job.activation === stepIndex),
  );
  return owner?.step ?? String(stepIndex);
}

function cancelUnit(job: JobRecord, { actor, reason }: OnBehalf): CommitUnit {
  const detail = { from: job.status, ...(reason === undefined ? {} : { reason }) };
  return {
    job: {
      id: job.id,
      expect: { status: job.status, attempt: job.attempt },
      status: 'cancelled',
      ...(job.status === 'running' ? { endedAttempt: { attempt: job.attempt, error: 'Cancelled.' } } : {}),
    },
    enqueue: [],
    audit: [{ action: 'JOB_CANCELLED', actor, jobId: job.id, detail }],
  };
}
