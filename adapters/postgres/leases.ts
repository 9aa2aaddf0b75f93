import { MillraceError } from '../../engine/errors.ts';
import { isJobStatus, type JobStatus } from '../../engine/job.ts';
import type {
  ClaimOutcome,
  CompleteOutcome,
  Completion,
  HeartbeatOutcome,
  LeaseProof,
  LoadedJob,
} from '../../engine/ports/record-store.ts';
import { toInstance } from './instance-rows.ts';
import { toJob } from './rows.ts';
import type { ClaimRow } from './sql/claim.ts';
import { type CompleteRow, completeJobs } from './sql/complete.ts';
import type { Database } from './sql/database.ts';
import { extendLeases } from './sql/heartbeat.ts';
import { selectStanding } from './sql/proofs.ts';
import type { LoadedRow } from './sql/read.ts';

export async function complete(db: Database, completions: readonly Completion[]): Promise<CompleteOutcome[]> {
  const rest = await completeJobs(db, completions);
  // Another request with the same token finished these while this statement waited for their rows: look again. Not at the
  // others, which would be taken for repeated.
  const raced = [...rest].flatMap(([index, row]) =>
    row.id === null && row.current_status === 'running' && row.holds_token ? [index] : [],
  );
  const again = raced.length > 0 ? await complete(db, chosen(completions, raced)) : [];
  const outcomeOfRaced = new Map(raced.map((index, place) => [index, again[place]]));
  return completions.map((_, index): CompleteOutcome => {
    const row = rest.get(index);
    return outcomeOfRaced.get(index) ?? (row ? toCompleteOutcome(row) : { kind: 'completed' });
  });
}

function chosen<T>(all: readonly T[], indexes: readonly number[]): T[] {
  return indexes.flatMap((index) => all[index] ?? []);
}

export async function heartbeat(
  db: Database,
  leases: readonly LeaseProof[],
  leaseMs: number,
): Promise<HeartbeatOutcome[]> {
  const extended = await extendLeases(db, leases, leaseMs);
  const rest = leases.filter((_, index) => !extended.has(index));
  const standing = (rest.length > 0 ? await selectStanding(db, rest) : []).values();
  return leases.map((_, index): HeartbeatOutcome => {
    const leaseUntil = extended.get(index);
    if (leaseUntil) return { kind: 'extended', leaseUntil };
    const { status } = standing.next().value ?? { status: null };
    return status === null ? { kind: 'not_found' } : { kind: 'lost', status: statusOf(status) };
  });
}

export function toClaimOutcome(row: ClaimRow): ClaimOutcome {
  if (row.claimed) return { kind: 'claimed', job: toJob(row) };
  if (row.current_status === null) return { kind: 'not_found' };
  return { kind: 'not_claimable', status: statusOf(row.current_status), attempt: row.current_attempt };
}

function toCompleteOutcome(row: CompleteRow): CompleteOutcome {
  const { current_status: status } = row;
  if (status === null) return { kind: 'not_found' };
  if (status === 'completed' && row.holds_token) return { kind: 'completed', repeated: true };
  if (row.id !== null) return { kind: 'step', loaded: toLoaded(row) };
  return { kind: 'refused', status: statusOf(status) };
}

export function toLoaded(row: LoadedRow): LoadedJob {
  return { job: toJob(row), instance: row.instance_key === null ? undefined : toInstance(row) };
}

function statusOf(text: string): JobStatus {
  if (isJobStatus(text)) return text;
  throw new MillraceError(
    'migration_mismatch',
    `The database holds a job state this version does not know: ${text}`,
  );
}
